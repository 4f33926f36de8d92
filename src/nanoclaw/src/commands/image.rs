//! `nanoclaw image`: the image that agents run in.

use operations::Output;
use sandbox::engine::Engine;
use serde_json::json;
use store::layout::Layout;

use crate::args::ImageArgs;
use crate::error::fail;
use crate::{admin, home, image, install, term};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ImageCommand {
    /// Build the image unless it is there and current; prints its name
    Build(ImageArgs),
    /// Print the name of the image that was built
    Show,
}

pub(super) async fn perform(command: ImageCommand, layout: &Layout) -> anyhow::Result<Output> {
    let tag = match command {
        ImageCommand::Show => installed(layout)?,
        ImageCommand::Build(args) => {
            let inputs = image::inputs(&args, &home::make(layout)?, layout)?;
            let (engine, mut progress) = (Engine::new(None), |line: &str| term::note(line));
            let built = Box::pin(sandbox::image::build(&engine, &inputs, &mut progress)).await;
            let tag = built.map_err(image::explain)?;
            image::remember(&home::central(layout)?, &inputs, &tag)?;
            admin::reload(layout).await;
            tag
        }
    };
    let json = json!({ "image": tag });
    Ok(Output::new(tag, json))
}

/// The tag of the image that was built last.
pub(super) fn installed(layout: &Layout) -> anyhow::Result<String> {
    let tag = home::central(layout)?.setting(install::IMAGE)?;
    tag.ok_or_else(|| fail("no image was built yet", "build it with `nanoclaw image build`"))
}
