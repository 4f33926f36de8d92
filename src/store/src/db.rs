//! Keeps synchronous SQLite calls off the async worker threads, and lets writes share a commit.
//!
//! Every write passes a [`Gate`] before and after it. In the running program the gate is open; the
//! simulation closes it at a chosen write to stop the program exactly there.
//!
//! Invariants
//! - Each write is one transaction, or none of it happens.
//! - A caller hears of its write after the commit that holds it.
//! - One writer at a time. Writes that wait meanwhile share the next commit; one that fails is rolled
//!   back alone.

use std::collections::VecDeque;
use std::fmt;
use std::iter::{once, repeat_with};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::plain::chain;
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;

use crate::gate::Gate;
use crate::row::run;
use crate::{Result, StoreError};

type Open<T> = dyn Fn() -> Result<T> + Send + Sync;

/// Writes that share one commit at most, so that the first of them does not wait long.
const BATCH_MAX: usize = 128;
/// Reads at a time; more than cores only fight for the locks that SQLite has for a whole process. The
/// others wait for their turn, and no read opens a connection that is not kept.
const READERS_MAX: usize = 4;

/// A store whose writes can share a transaction.
pub trait Store: Send + 'static {
    /// The connection that is written through.
    fn connection(&self) -> &Connection;

    /// Whether a second connection may read beside the writer.
    const READS_BESIDE: bool;

    /// Called after each attempt to commit, before anybody hears of it.
    fn committed(&mut self) {}
}

/// Opens a `T` on first use and lends it to one blocking closure at a time; readers of a store that
/// allows it get connections of their own. Clones share all of them.
pub struct Db<T> {
    shared: Arc<Shared<T>>,
    gate: Arc<dyn Gate>,
}

struct Shared<T> {
    open: Box<Open<T>>,
    writer: Mutex<Option<T>>,
    readers: Mutex<Vec<T>>,
    reading: Arc<Semaphore>,
    queue: Mutex<Queue<T>>,
}

struct Queue<T> {
    jobs: VecDeque<Job<T>>,
    /// A thread works through the queue and will see what is added.
    is_served: bool,
}

/// Runs a write; says whether it went well, and how to tell its caller what became of the commit.
type Job<T> = Box<dyn FnOnce(Result<&mut T>) -> (bool, Told) + Send>;
type Told = Box<dyn FnOnce(Result<()>) + Send>;

/// What a write came to: its result, or its panic.
type Ended<R> = std::thread::Result<Result<R>>;

impl<T: Store> Db<T> {
    /// No IO happens here; `open` is called by the first use, and again after it failed.
    pub fn new(gate: Arc<dyn Gate>, open: impl Fn() -> Result<T> + Send + Sync + 'static) -> Self {
        let queue = Queue { jobs: VecDeque::new(), is_served: false };
        let shared = Shared {
            open: Box::new(open),
            writer: Mutex::default(),
            readers: Mutex::default(),
            reading: Arc::new(Semaphore::new(READERS_MAX)),
            queue: Mutex::new(queue),
        };
        Self { shared: Arc::new(shared), gate }
    }

    /// Runs a call that may wait for the disk and has nothing to do with the store.
    pub async fn beside<R: Send + 'static>(&self, f: impl FnOnce() -> R + Send + 'static) -> R {
        on_disk(&*self.gate, f).await
    }

    /// Runs `f`, which must not write, on the blocking pool. A panic of `f` continues here.
    pub async fn read<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.read_then(f, Ok).await
    }

    /// As [`Self::read`], with `then` after it on the same thread, while others read from the store.
    pub async fn read_then<R, S: Send + 'static>(
        &self,
        f: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
        then: impl FnOnce(R) -> Result<S> + Send + 'static,
    ) -> Result<S> {
        self.gate.before_read()?;
        let shared = Arc::clone(&self.shared);
        if !T::READS_BESIDE || self.gate.runs_inline() {
            return on_disk(&*self.gate, move || shared.with_writer(f).and_then(then)).await;
        }
        let turn = Arc::clone(&shared.reading).acquire_owned().await;
        let work = move || {
            let read = shared.read_beside(f);
            // Kept until here, also when nobody waits for it any more.
            drop(turn);
            then(read?)
        };
        on_disk(&*self.gate, work).await
    }

    /// Runs `f`, one durable write named `op`, on the blocking pool: all of it is one transaction,
    /// which may hold writes of others too.
    pub async fn write<R: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.gate.before(op).await?;
        let (tell, told) = oneshot::channel();
        let is_served = self.shared.enqueue(job(f, tell));
        if !is_served {
            let shared = Arc::clone(&self.shared);
            if self.gate.runs_inline() {
                shared.serve();
            } else {
                drop(spawn_blocking(move || shared.serve()));
            }
        }
        let out = match told.await {
            Ok(Ok(out)) => out,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(StoreError::Lost { op }),
        };
        self.gate.after(op).await;
        let out = out?;
        self.gate.hears_of(op).map(|()| out)
    }
}

/// Wraps a write, so that its result waits for the commit.
fn job<T: Store, R: Send + 'static>(
    f: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    tell: oneshot::Sender<Ended<R>>,
) -> Job<T> {
    Box::new(move |store| {
        let out = match store {
            Ok(store) => catch_unwind(AssertUnwindSafe(|| f(store))),
            Err(err) => Ok(Err(err)),
        };
        let went_well = matches!(out, Ok(Ok(_)));
        let told: Told = Box::new(move |committed| {
            let out = match (out, committed) {
                (Ok(Ok(_)), Err(err)) => Ok(Err(err)),
                (out, _) => out,
            };
            // The caller may have given up waiting; the row is what counts.
            let _ = tell.send(out);
        });
        (went_well, told)
    })
}

impl<T: Store> Shared<T> {
    fn with_writer<R>(&self, f: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let mut slot = lock(&self.writer);
        let mut store = slot.take().map_or_else(&self.open, Ok)?;
        let out = f(&mut store);
        *slot = Some(store);
        out
    }

    fn read_beside<R>(&self, f: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let kept = lock(&self.readers).pop();
        let mut reader = kept.map_or_else(&self.open, Ok)?;
        let out = f(&mut reader);
        lock(&self.readers).push(reader);
        out
    }

    fn enqueue(&self, job: Job<T>) -> bool {
        let mut queue = lock(&self.queue);
        queue.jobs.push_back(job);
        std::mem::replace(&mut queue.is_served, true)
    }

    fn serve(&self) {
        loop {
            let batch: Vec<Job<T>> = {
                let mut queue = lock(&self.queue);
                if queue.jobs.is_empty() {
                    queue.is_served = false;
                    return;
                }
                let count = queue.jobs.len().min(BATCH_MAX);
                queue.jobs.drain(..count).collect()
            };
            self.run(batch);
        }
    }

    /// One commit for all of a batch.
    fn run(&self, batch: Vec<Job<T>>) {
        let mut slot = lock(&self.writer);
        let mut store = match slot.take().map_or_else(&self.open, Ok) {
            Ok(store) => store,
            Err(err) => return refuse(batch, err),
        };
        if let Err(err) = execute(&store, "BEGIN IMMEDIATE") {
            *slot = Some(store);
            return refuse(batch, err);
        }
        let is_alone = batch.len() == 1;
        let steps = batch.into_iter().map(|job| step(&mut store, job, is_alone));
        let (went_well, all): (Vec<bool>, Vec<Told>) = steps.unzip();
        // Where nothing went well, nothing of it may be kept.
        let committed = if went_well.contains(&true) { execute(&store, "COMMIT") } else { Ok(()) };
        if !store.connection().is_autocommit() {
            let _ = execute(&store, "ROLLBACK");
        }
        store.committed();
        // One that is still in a transaction is closed, which ends that too.
        *slot = Some(store).filter(|it| it.connection().is_autocommit());
        drop(slot);
        tell(all, committed);
    }
}

/// What a panic left is fit for use: a store that was at work is opened again, and mailboxes stay and are
/// compared with what should be in them at each look.
pub(crate) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One write of a batch, undone alone if it fails. One that is alone is the whole transaction.
fn step<T: Store>(store: &mut T, job: Job<T>, is_alone: bool) -> (bool, Told) {
    if is_alone {
        return job(Ok(store));
    }
    // A full disk can end the transaction, and with it what others wrote: then the commit fails for
    // all of them, and nothing may be written outside of it.
    let entered = if store.connection().is_autocommit() {
        Err(StoreError::Lost { op: "a shared commit" })
    } else {
        execute(store, "SAVEPOINT job")
    };
    let has_entered = entered.is_ok();
    let (went_well, told) = job(entered.map(|()| &mut *store));
    if has_entered && !store.connection().is_autocommit() {
        let undone = if went_well { Ok(()) } else { execute(store, "ROLLBACK TO job") };
        if let Err(err) = undone.and_then(|()| execute(store, "RELEASE job")) {
            tracing::debug!(why = chain(&err), "a commit is lost");
            let _ = execute(store, "ROLLBACK");
        }
    }
    (went_well, told)
}

fn tell(all: Vec<Told>, committed: Result<()>) {
    match committed {
        Ok(()) => all.into_iter().for_each(|told| told(Ok(()))),
        Err(err) => all.into_iter().zip(spread(err)).for_each(|(told, err)| told(Err(err))),
    }
}

fn refuse<T>(batch: Vec<Job<T>>, err: StoreError) {
    for (job, err) in batch.into_iter().zip(spread(err)) {
        let (_, told) = job(Err(err));
        told(Ok(()));
    }
}

/// The first caller hears the cause; the others that it hit them too.
fn spread(err: StoreError) -> impl Iterator<Item = StoreError> {
    let shared = err.shared();
    once(err).chain(repeat_with(move || shared.shared()))
}

fn execute<T: Store>(store: &T, sql: &str) -> Result<()> {
    run(store.connection(), sql, []).map(drop).map_err(StoreError::query("a commit"))
}

/// Runs a call that may wait for the disk on the blocking pool, or where the gate wants it. A panic
/// of the call continues here.
pub async fn on_disk<R: Send + 'static>(
    gate: &dyn Gate,
    call: impl FnOnce() -> R + Send + 'static,
) -> R {
    if gate.runs_inline() {
        return call();
    }
    match spawn_blocking(call).await {
        Ok(out) => out,
        Err(err) => resume_unwind(err.into_panic()),
    }
}

impl<T> Clone for Db<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), gate: Arc::clone(&self.gate) }
    }
}

impl<T> fmt::Debug for Db<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::sleep;
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;
    use crate::{CentralStore, NoGate};

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a read that takes time, on a thread for that")]
    async fn so_many_read_at_a_time_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.db");
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let db = Db::new(Arc::new(NoGate), move || {
            count.fetch_add(1, Ordering::SeqCst);
            CentralStore::open(&path)
        });
        let reading = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let read = |_: usize| {
            let (db, reading) = (db.clone(), Arc::clone(&reading));
            async move {
                let read = move |_: &mut CentralStore| {
                    let now = reading.0.fetch_add(1, Ordering::SeqCst) + 1;
                    reading.1.fetch_max(now, Ordering::SeqCst);
                    sleep(Duration::from_millis(5));
                    reading.0.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                db.read(read).await.unwrap();
            }
        };
        (0..40).map(read).collect::<JoinSet<()>>().join_all().await;
        assert_eq!(reading.1.load(Ordering::SeqCst), READERS_MAX);
        assert_eq!(opened.load(Ordering::SeqCst), READERS_MAX, "each is used again");
    }
}
