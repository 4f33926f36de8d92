//! What each dialect shows, and where a text is cut.

mod rendering;
mod splitting;
