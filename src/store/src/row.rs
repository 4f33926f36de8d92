//! Rows of a query as values: the columns of a row are read one after the other, in the order in which
//! the query names them, into the types of the domain. No place counts columns.
//!
//! [`row!`](crate::row::row) declares a struct's fields in that order, once for all queries.

use std::error::Error;

use domain::delivery::PartKey;
use domain::message::Address;
use domain::people::{Handle, PersonId};
use domain::question::QuestionId;
use domain::session_key::ChatId;
use domain::stop::StopId;
use domain::task::TaskId;
use domain::time::Timestamp;
use domain::{AgentName, Incarnation, MessageSeq, OutSeq, SessionId};
use rusqlite::types::{Type, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::central::PairingId;

/// A value that is kept in one column.
pub(crate) trait Column: Sized {
    fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self>;
}

/// A value that is read from one column or several beside each other.
pub(crate) trait FromRow: Sized {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self>;
}

/// The columns of a row that were not read yet.
pub(crate) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl Columns<'_> {
    /// The next value.
    pub(crate) fn next<T: FromRow>(&mut self) -> rusqlite::Result<T> {
        T::read(self)
    }

    /// A value by the name of its column, whatever was read before.
    pub(crate) fn named<T: Column>(&self, name: &str) -> rusqlite::Result<T> {
        T::read(self.row, self.row.as_ref().column_index(name)?)
    }

    /// An error about the column that was read last.
    pub(crate) fn bad(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
        bad(self.next.saturating_sub(1), cause)
    }
}

impl<T: Column> FromRow for T {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let at = columns.next;
        columns.next += 1;
        T::read(columns.row, at)
    }
}

/// An error about what a column holds.
pub(crate) fn bad(at: usize, cause: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, cause.into())
}

macro_rules! plain_columns {
    ($($name:ty),+) => { $(
        impl Column for $name {
            fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
                row.get(at)
            }
        }
    )+ };
}

macro_rules! wrapped_columns {
    ($($name:ident),+) => { $(
        impl Column for $name {
            fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
                row.get(at).map($name)
            }
        }
    )+ };
}

macro_rules! tuple_rows {
    ($($name:ident)+) => {
        impl<$($name: FromRow),+> FromRow for ($($name,)+) {
            fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
                Ok(($(columns.next::<$name>()?,)+))
            }
        }
    };
}

/// A closed set of words as a column; an unknown word is an error.
macro_rules! enum_column {
    ($($name:ty),+ $(,)?) => { $(
        impl $crate::row::Column for $name {
            fn read(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Self> {
                let text: String = row.get(at)?;
                <$name>::parse(&text).ok_or_else(|| {
                    $crate::row::bad(at, format!("`{text}` is none of the known words"))
                })
            }
        }
    )+ };
}
pub(crate) use enum_column;

/// Values that a column holds as JSON.
macro_rules! json_column {
    ($($name:ty),+ $(,)?) => { $(
        impl $crate::row::Column for $name {
            fn read(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Self> {
                <$crate::row::Json<Self> as $crate::row::Column>::read(row, at).map(|it| it.0)
            }
        }
    )+ };
}
pub(crate) use json_column;

/// A struct as a row: its fields in the order of the columns. Those after `;` are in no column and
/// start as their types' defaults.
macro_rules! row {
    ($name:ty { $($field:ident),+ $(,)? $(; $($rest:ident),+)? }) => {
        impl $crate::row::FromRow for $name {
            fn read(columns: &mut $crate::row::Columns<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $($field: columns.next()?,)+ $($($rest: Default::default(),)+)? })
            }
        }
    };
}
pub(crate) use row;

plain_columns!(bool, i64, u32, u64, usize, String, Vec<u8>, Value);
wrapped_columns!(ChatId, Incarnation, MessageSeq, OutSeq, PairingId, PartKey, PersonId);
wrapped_columns!(QuestionId, SessionId, StopId, TaskId, Timestamp);
tuple_rows!(A B);
tuple_rows!(A B C);
tuple_rows!(A B C D);
tuple_rows!(A B C D E);
tuple_rows!(A B C D E F);

impl<T: Column> Column for Option<T> {
    fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        if row.get_ref(at)? == ValueRef::Null {
            return Ok(None);
        }
        T::read(row, at).map(Some)
    }
}

impl Column for AgentName {
    fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        AgentName::parse(&row.get::<_, String>(at)?).map_err(|err| bad(at, err))
    }
}

/// What [`Json`] reads.
pub(crate) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|err| rusqlite::Error::ToSqlConversionFailure(Box::new(err)))
}

/// A value that a column holds as JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> Column for Json<T> {
    fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        let text: String = row.get(at)?;
        serde_json::from_str(&text).map(Self).map_err(|err| bad(at, err))
    }
}

json_column!(serde_json::Value);

// Where a query has no thread it says NULL.
row!(Address { channel, account, chat, thread });
row!(Handle { channel, id });

/// Both or neither.
impl<A: Column, B: Column> FromRow for Option<(A, B)> {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        Ok(columns.next::<Option<A>>()?.zip(columns.next()?))
    }
}

/// `None` where a query found no chat.
impl FromRow for Option<Address> {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let (channel, account, chat): (Option<String>, Option<String>, Option<String>) =
            columns.next()?;
        let (found, thread) = (channel.zip(account).zip(chat), columns.next()?);
        Ok(found.map(|((channel, account), chat)| Address { channel, account, chat, thread }))
    }
}

/// The queries below as methods of a type, on its connection, each named `op` for its error.
macro_rules! queries {
    ($name:ty, $conn:ident) => {
        impl $name {
            pub(crate) fn list<T: FromRow>(
                &self,
                op: &'static str,
                sql: &str,
                params: impl Params,
            ) -> Result<Vec<T>, StoreError> {
                $crate::row::list(&self.$conn, sql, params).map_err(StoreError::query(op))
            }

            pub(crate) fn one<T: FromRow>(
                &self,
                op: &'static str,
                sql: &str,
                params: impl Params,
            ) -> Result<Option<T>, StoreError> {
                $crate::row::one(&self.$conn, sql, params).map_err(StoreError::query(op))
            }

            pub(crate) fn only<T: FromRow>(
                &self,
                op: &'static str,
                sql: &str,
                params: impl Params,
            ) -> Result<T, StoreError> {
                $crate::row::only(&self.$conn, sql, params).map_err(StoreError::query(op))
            }

            pub(crate) fn is_there(
                &self,
                op: &'static str,
                sql: &str,
                params: impl Params,
            ) -> Result<bool, StoreError> {
                $crate::row::is_there(&self.$conn, sql, params).map_err(StoreError::query(op))
            }

            pub(crate) fn run(
                &self,
                op: &'static str,
                sql: &str,
                params: impl Params,
            ) -> Result<usize, StoreError> {
                $crate::row::run(&self.$conn, sql, params).map_err(StoreError::query(op))
            }
        }
    };
}
pub(crate) use queries;

/// Every row of a query.
pub(crate) fn list<T: FromRow>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<T>> {
    list_as(conn, sql, params, T::read)
}

/// Every row of a query, read by `read`.
pub(crate) fn list_as<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut query = conn.prepare_cached(sql)?;
    query.query_map(params, |row| read(&mut Columns { row, next: 0 }))?.collect()
}

/// The row of a query, if there is one.
pub(crate) fn one<T: FromRow>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Option<T>> {
    only(conn, sql, params).optional()
}

/// The row of a query that has one.
pub(crate) fn only<T: FromRow>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<T> {
    conn.prepare_cached(sql)?.query_row(params, read)
}

/// Whether a query has a row.
pub(crate) fn is_there(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<bool> {
    conn.prepare_cached(sql)?.exists(params)
}

/// One statement; how many rows it changed.
pub(crate) fn run(conn: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(params)
}

/// One row of a query that is not read to its end.
pub(crate) fn read<T: FromRow>(row: &Row<'_>) -> rusqlite::Result<T> {
    T::read(&mut Columns { row, next: 0 })
}
