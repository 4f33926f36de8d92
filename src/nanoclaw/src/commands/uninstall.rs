//! `nanoclaw uninstall`: takes this install's containers away. What the script can do alone
//! (the image, the data) it does.

use sandbox::Sandbox;
use sandbox::docker::{DockerOptions, DockerSandbox};
use store::layout::Layout;

use crate::{home, install, term};

pub(super) async fn perform(layout: &Layout) -> anyhow::Result<()> {
    if !layout.central().is_file() {
        term::out("there is no install here");
        return Ok(());
    }
    super::stop::perform(layout).await?;
    let Some(install) = install::id(&home::central(layout)?)? else { return Ok(()) };
    let (user, root) = (install::container_user(), layout.home().to_owned());
    let sandbox = DockerSandbox::new(DockerOptions { install, user, root, socket: None });
    let sessions = sandbox.list().await?;
    for session in &sessions {
        sandbox.stop(*session).await?;
    }
    term::out(&format!("removed {} containers", sessions.len()));
    Ok(())
}
