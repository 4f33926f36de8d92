//! The words that host and runner exchange over the link.
//!
//! A stream begins with one header line that says what it is for. Who speaks is known from the
//! carrier (a socket in a folder that only one container sees), never from what is said. A model
//! stream continues with plain HTTP/1.1; a doorbell stream with one [`Ring`] per line, either way.
//! Rings are hints: losing one costs a slow poll, never a message.

/// The longest line that either side reads before it hangs up.
pub const LINE_BYTES_MAX: usize = 64;

/// The first line of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Doorbell,
    Model,
}

/// A line on a doorbell stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Look at the database.
    Look,
    /// The provider emitted something. Runner to host only.
    Progress,
    /// Finish and exit. Host to runner only.
    Stop,
}

impl Header {
    #[must_use]
    pub fn as_line(self) -> &'static str {
        match self {
            Self::Doorbell => "doorbell\n",
            Self::Model => "model\n",
        }
    }

    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        [Self::Doorbell, Self::Model]
            .into_iter()
            .find(|it| it.as_line().trim_end() == line.trim_end())
    }
}

impl Ring {
    #[must_use]
    pub fn as_line(self) -> &'static str {
        match self {
            Self::Look => "look\n",
            Self::Progress => "progress\n",
            Self::Stop => "stop\n",
        }
    }

    /// `None` for a word of a later version, which is to be ignored.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        [Self::Look, Self::Progress, Self::Stop]
            .into_iter()
            .find(|it| it.as_line().trim_end() == line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_fits_a_line() {
        for ring in [Ring::Look, Ring::Progress, Ring::Stop] {
            assert_eq!(Ring::parse(ring.as_line()), Some(ring));
            assert!(ring.as_line().len() <= LINE_BYTES_MAX);
        }
        for header in [Header::Doorbell, Header::Model] {
            assert_eq!(Header::parse(header.as_line()), Some(header));
        }
        assert_eq!(Ring::parse("dance"), None);
    }
}
