//! What can be typed about the time zone of the install.

#[derive(Debug, clap::Args)]
#[command(after_help = "\
It counts for everybody who has none of their own. The first start takes over that of the machine.

Examples:
  nanoclaw timezone                     which one counts
  nanoclaw timezone Europe/Berlin       or a city: nanoclaw timezone berlin
  nanoclaw users timezone ann Asia/Tokyo    somebody who lives elsewhere; /timezone in a chat")]
pub(crate) struct TimezoneArgs {
    /// A zone, or a city
    pub(crate) zone: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
