//! A remote as the host sees it.
