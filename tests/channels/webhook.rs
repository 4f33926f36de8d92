//! Webhooks: the adapter against senders of ours over real sockets, requests as products send
//! them, and the packages with which programs sign.

mod alertmanager;
mod answers;
mod crashes;
mod foreign;
mod products;
mod rig;
mod taking;
