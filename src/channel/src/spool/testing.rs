//! A spool in memory, for tests: it lasts as long as its value.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Put, Raw, Spool, SpoolRow};
use crate::Cause;

/// Rows that may wait.
const ROWS_MAX: usize = 1_000;

/// For an account of a test.
pub fn memory() -> Arc<dyn Spool> {
    Arc::new(MemorySpool::default())
}

#[derive(Debug, Default)]
pub struct MemorySpool(Mutex<Vec<(Raw, bool)>>);

impl MemorySpool {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<(Raw, bool)>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Spool for MemorySpool {
    async fn put(&self, raw: Raw) -> Result<Put, Cause> {
        Ok(self.with(|rows| {
            if let Some((known, _)) = rows.iter().find(|it| it.0.id == raw.id) {
                return Put::Known { is_same: known.sent_as == raw.sent_as };
            }
            if ROWS_MAX <= rows.iter().filter(|it| !it.1).count() {
                return Put::Full;
            }
            rows.push((raw, false));
            Put::Stored
        }))
    }

    async fn after(&self, number: i64, max: usize) -> Result<Vec<SpoolRow>, Cause> {
        Ok(self.with(|rows| {
            let numbered = (1..).zip(rows.iter()).filter(|it| number < it.0 && !it.1.1);
            let row = |(number, (raw, _)): (i64, &(Raw, bool))| SpoolRow {
                number,
                id: raw.id.clone(),
                bytes: raw.bytes.clone(),
            };
            numbered.take(max).map(row).collect()
        }))
    }

    async fn prune(&self, number: i64) -> Result<(), Cause> {
        self.with(|rows| {
            let up_to = usize::try_from(number).unwrap_or_default();
            rows.iter_mut().take(up_to).for_each(|it| it.1 = true);
        });
        Ok(())
    }
}
