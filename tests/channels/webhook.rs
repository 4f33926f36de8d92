//! Webhooks: the adapter against senders of ours over real sockets, and against the package with
//! which programs sign and check what GitHub sends.

mod answers;
mod foreign;
mod rig;
mod taking;
