//! Tells the owner of the host, in private, what could not be delivered; many at once.

use std::fs;

use domain::approval::{SPAN, approvers, unasked_due_at};
use domain::delivery::dead_letter::{DeadLetter, NAMED_MAX, PERIOD, due_at};
use domain::people::Role;
use domain::texts;
use domain::time::Timestamp;
use store::{CentralStore, Draft, NOTICE_KEY, NewPart, PartKind};

use super::Approvals;
use super::asking::Private;

use crate::Result;

impl Approvals {
    /// Gives up what waited too long for chats that the bot left. A file that stays is found by the next pruning.
    pub(super) async fn give_up_left(&self) -> Result<()> {
        let (host, now) = (&self.host, self.now());
        if host.central.read(move |central| central.left_behind(now)).await?.is_empty() {
            return Ok(());
        }
        let give_up = move |it: &mut CentralStore| it.give_up_left(now);
        let copies = host.central.write("the end of parts", give_up).await?;
        let remove = move || copies.iter().for_each(|it| drop(fs::remove_file(it)));
        host.central.beside(remove).await;
        Ok(())
    }

    /// Returns whether the owner was told, and else when to look again. With no owner who can be
    /// reached it waits for one.
    pub(super) async fn report_dead_letters(&mut self) -> Result<(bool, Option<Timestamp>)> {
        let unreported =
            self.host.central.read(|central| central.unreported_dead_letters(NAMED_MAX)).await?;
        let Some(unreported) = unreported else { return Ok((false, None)) };
        let (due, now) = (due_at(unreported.oldest, unreported.last_told), self.now());
        if !due.is_due(now, PERIOD) {
            return Ok((false, Some(due)));
        }
        let Some(newest) = unreported.newest.first().map(|it| it.0) else {
            return Ok((false, None));
        };
        let Some(to) = self.owner_chat().await? else { return Ok((false, None)) };
        let up_to = unreported.newest_at;
        let key = format!("{NOTICE_KEY}{newest}.{}", up_to.0);
        let letters: Vec<DeadLetter> = unreported.newest.into_iter().map(|it| it.1).collect();
        let text = Draft::Text(texts::dead_letters::for_owner(&letters, unreported.count));
        let part = NewPart::new(key, to, PartKind::Notice, text);
        let tell = move |it: &mut CentralStore| it.report_dead_letters(&part, up_to, now);
        self.host.central.write("a word about dead letters", tell).await?;
        Ok((true, None))
    }

    /// Tells the owner how many unknown users nobody was asked about. As [`Self::report_dead_letters`].
    pub(super) async fn tell_unasked(&mut self) -> Result<(bool, Option<Timestamp>)> {
        let Some(unasked) = self.host.central.read(|central| central.unasked()).await? else {
            return Ok((false, None));
        };
        let (due, now) = (unasked_due_at(unasked.oldest, unasked.last_told), self.now());
        if !due.is_due(now, SPAN) {
            return Ok((false, Some(due)));
        }
        let Some(to) = self.owner_chat().await? else { return Ok((false, None)) };
        let key = format!("unasked.{}", unasked.oldest.0);
        let text = Draft::Text(texts::access::unasked(unasked.users));
        let part = NewPart::new(key, to, PartKind::Notice, text);
        let tell = move |it: &mut CentralStore| it.tell_unasked(&part, now);
        self.host.central.write("a word about unknown users", tell).await?;
        Ok((true, None))
    }

    /// The private chat of the first owner who can be reached.
    async fn owner_chat(&mut self) -> Result<Option<domain::message::Address>> {
        let owners = self.host.central.read(|central| central.approver_candidates(None)).await?;
        let owners = owners.iter().filter(|it| it.0.role == Role::Owner);
        let candidates: Vec<_> = owners.flat_map(|it| self.candidate(it)).collect();
        for owner in approvers(&candidates, None, "") {
            match self.private_chat(&owner).await? {
                Private::At(chat) => return Ok(Some(chat)),
                Private::Asking => return Ok(None),
                Private::Nowhere(_) => {}
            }
        }
        Ok(None)
    }
}
