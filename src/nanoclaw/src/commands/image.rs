//! `nanoclaw image`: the image that agents run in.

use sandbox::engine::Engine;
use store::layout::Layout;

use crate::args::ImageCommand;
use crate::error::fail;
use crate::{admin, home, image, install, term};

pub(super) async fn perform(command: ImageCommand, layout: &Layout) -> anyhow::Result<()> {
    let tag = match command {
        ImageCommand::Show => home::central(layout)?.setting(install::IMAGE)?.ok_or_else(|| {
            fail("no image was built yet", "build it with `nanoclaw image build`")
        })?,
        ImageCommand::Build(args) => {
            let wanted = image::wanted(&args, &home::central(layout)?)?;
            let mut progress = |line: &str| term::note(line);
            let built = image::build(&Engine::new(None), &wanted, layout, &mut progress).await;
            let tag = built.map_err(image::explain)?;
            image::remember(&home::central(layout)?, &wanted, &tag)?;
            admin::reload(layout).await;
            tag
        }
    };
    term::out(&tag);
    Ok(())
}
