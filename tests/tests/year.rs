//! A year of tasks.
