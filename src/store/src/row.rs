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
use rusqlite::{Connection, OptionalExtension, Params, Result, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::central::PairingId;

/// A value that is kept in one column.
pub(crate) trait Column: Sized {
    fn read(row: &Row<'_>, at: usize) -> Result<Self>;
}

/// A value that is read from one column or several beside each other.
pub(crate) trait FromRow: Sized {
    fn read(columns: &mut Columns<'_>) -> Result<Self>;
}

/// The columns of a row that were not read yet.
pub(crate) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl Columns<'_> {
    /// The next value.
    pub(crate) fn next<T: FromRow>(&mut self) -> Result<T> {
        T::read(self)
    }

    /// A value by the name of its column, whatever was read before.
    pub(crate) fn named<T: Column>(&self, name: &str) -> Result<T> {
        T::read(self.row, self.row.as_ref().column_index(name)?)
    }

    /// An error about the column that was read last.
    pub(crate) fn bad(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
        bad(self.next.saturating_sub(1), cause)
    }
}

impl<T: Column> FromRow for T {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let at = columns.next;
        columns.next += 1;
        T::read(columns.row, at)
    }
}

/// An error about what a column holds.
pub(crate) fn bad(at: usize, cause: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, cause.into())
}

/// Types of which each value is in one column, and how that is read.
macro_rules! columns {
    ($($name:ty),+ $(,)? => |$row:ident, $at:ident| $read:expr) => { $(
        impl $crate::row::Column for $name {
            fn read($row: &rusqlite::Row<'_>, $at: usize) -> rusqlite::Result<Self> {
                $read
            }
        }
    )+ };
}
pub(crate) use columns;

macro_rules! tuple_rows {
    ($($name:ident)+) => {
        impl<$($name: FromRow),+> FromRow for ($($name,)+) {
            fn read(columns: &mut Columns<'_>) -> Result<Self> {
                Ok(($(columns.next::<$name>()?,)+))
            }
        }
    };
}

/// A closed set of words as a column; an unknown word is an error.
macro_rules! enum_column {
    ($($name:ty),+ $(,)?) => {
        $crate::row::columns!($($name),+ => |row, at| {
            let text: String = row.get(at)?;
            let unknown = || $crate::row::bad(at, format!("`{text}` is none of the known words"));
            Self::parse(&text).ok_or_else(unknown)
        });
    };
}
pub(crate) use enum_column;

/// Values that a column holds as JSON.
macro_rules! json_column {
    ($($name:ty),+ $(,)?) => {
        $crate::row::columns!($($name),+ => |row, at| {
            <$crate::row::Json<Self> as $crate::row::Column>::read(row, at).map(|it| it.0)
        });
    };
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

columns!(bool, i64, u32, u64, usize, String, Vec<u8>, Value => |row, at| row.get(at));
columns!(
    ChatId, Incarnation, MessageSeq, OutSeq, PairingId, PartKey, PersonId, QuestionId, SessionId,
    StopId, TaskId, Timestamp => |row, at| row.get(at).map(Self)
);
columns!(AgentName => |row, at| {
    Self::parse(&row.get::<_, String>(at)?).map_err(|err| bad(at, err))
});
tuple_rows!(A B);
tuple_rows!(A B C);
tuple_rows!(A B C D);
tuple_rows!(A B C D E);
tuple_rows!(A B C D E F);

impl<T: Column> Column for Option<T> {
    fn read(row: &Row<'_>, at: usize) -> Result<Self> {
        if row.get_ref(at)? == ValueRef::Null {
            return Ok(None);
        }
        T::read(row, at).map(Some)
    }
}

/// What [`Json`] reads.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|err| rusqlite::Error::ToSqlConversionFailure(Box::new(err)))
}

/// A value that a column holds as JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> Column for Json<T> {
    fn read(row: &Row<'_>, at: usize) -> Result<Self> {
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
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(columns.next::<Option<A>>()?.zip(columns.next()?))
    }
}

/// `None` where a query found no chat.
impl FromRow for Option<Address> {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
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
            queries!(@$conn, list<T> -> Vec<T>);
            queries!(@$conn, one<T> -> Option<T>);
            queries!(@$conn, only<T> -> T);
            queries!(@$conn, is_there -> bool);
            queries!(@$conn, run -> usize);
        }
    };
    (@$conn:ident, $query:ident $(<$row:ident>)? -> $out:ty) => {
        pub(crate) fn $query $(<$row: FromRow>)? (
            &self,
            op: &'static str,
            sql: &str,
            params: impl Params,
        ) -> Result<$out, StoreError> {
            $crate::row::$query(&self.$conn, sql, params).map_err(StoreError::query(op))
        }
    };
}
pub(crate) use queries;

/// Methods of the central store that are one statement each: the result, which query above reads it, what
/// it does in the words of an error, the statement, its parameters.
macro_rules! statements {
    ($(
        $(#[$doc:meta])*
        $vis:vis fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty
            = $query:ident($op:expr, $sql:expr, $params:expr);
    )+) => {
        impl $crate::CentralStore { $(
            $(#[$doc])*
            $vis fn $name(&self, $($arg: $type),*) -> $crate::Result<$out> {
                self.$query($op, $sql, $params)
            }
        )+ }
    };
}
pub(crate) use statements;

/// Every row of a query.
pub(crate) fn list<T: FromRow>(tx: &Connection, sql: &str, params: impl Params) -> Result<Vec<T>> {
    list_as(tx, sql, params, T::read)
}

/// Every row of a query, read by `read`.
pub(crate) fn list_as<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&mut Columns<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut query = conn.prepare_cached(sql)?;
    query.query_map(params, |row| read(&mut Columns { row, next: 0 }))?.collect()
}

/// The row of a query, if there is one.
pub(crate) fn one<T: FromRow>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>> {
    only(conn, sql, params).optional()
}

/// The row of a query that has one.
pub(crate) fn only<T: FromRow>(conn: &Connection, sql: &str, params: impl Params) -> Result<T> {
    conn.prepare_cached(sql)?.query_row(params, read)
}

/// Whether a query has a row.
pub(crate) fn is_there(conn: &Connection, sql: &str, params: impl Params) -> Result<bool> {
    conn.prepare_cached(sql)?.exists(params)
}

/// One statement; how many rows it changed.
pub(crate) fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    conn.prepare_cached(sql)?.execute(params)
}

/// One row of a query that is not read to its end.
pub(crate) fn read<T: FromRow>(row: &Row<'_>) -> Result<T> {
    T::read(&mut Columns { row, next: 0 })
}
