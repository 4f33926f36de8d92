//! Links the chosen channels into the program. Each registers itself; nothing else names it.

#[cfg(feature = "discord")]
use discord as _;
#[cfg(feature = "telegram")]
use telegram as _;
#[cfg(feature = "webhook")]
use webhook as _;
