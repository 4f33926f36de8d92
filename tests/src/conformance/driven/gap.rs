//! What a driven adapter says about the time before its connection, and its signs of life.

use channel::{Event, Gap, Pulse};

use super::{Driven, chain, is_news, within};

impl Driven<'_> {
    /// The next statement about the gap before this connection. Batches meanwhile are committed; the
    /// events of those come back with it.
    pub async fn gap(&mut self) -> (Gap, Vec<Event>) {
        let mut events = Vec::new();
        let stated = within("the gap to be stated", async {
            loop {
                let batch = tokio::select! {
                    biased;
                    received = self.received.recv() => received,
                    gap = self.gaps.recv() => {
                        return gap.unwrap_or_else(|| panic!("it ended before the gap was stated"));
                    }
                };
                match batch {
                    Some(Ok(batch)) => {
                        events.extend(batch.events.iter().filter(|it| is_news(it)).cloned());
                        self.held = Some(batch);
                        self.commit().await;
                    }
                    Some(Err(err)) => panic!("it stopped receiving: {}", chain(&err)),
                    None => panic!("it ended before the gap was stated"),
                }
            }
        });
        (stated.await, events)
    }

    /// A statement about the gap that is there already.
    pub fn gap_now(&mut self) -> Option<Gap> {
        self.gaps.try_recv().ok()
    }

    /// Takes the platform's signs of life.
    #[must_use]
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}
