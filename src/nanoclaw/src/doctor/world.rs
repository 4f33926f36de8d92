//! Checks of what the host stands on: the engine, the image, the model.

use sandbox::engine::Engine;
use store::layout::Layout;
use vault::MODEL_CREDENTIAL;

use super::Check;
use crate::args::ImageArgs;
use crate::error::hint_of;
use crate::{home, image, install, rows};
use domain::plain::chain;

pub(super) async fn engine() -> Check {
    const NAME: &str = "engine";
    let info = match Engine::new(None).info().await {
        Ok(info) => info,
        Err(err) => {
            let fix = "`nanoclaw setup` installs and starts Docker; if it runs, check that you may \
                       use it (`sudo usermod -aG docker $USER`, then log in again)";
            return Check::fail(NAME, chain(&err), fix);
        }
    };
    let kernel = if info.kernel_shared { "this machine's kernel" } else { "a kernel of its own" };
    let what = format!("Docker {} on {kernel} ({})", info.version, info.architecture);
    if info.missing_limits.is_empty() {
        return Check::ok(NAME, what);
    }
    let ignored = info.missing_limits.join(", ");
    let fix = "turn the cgroup controllers on (on the kernel's command line: \
               `cgroup_enable=memory swapaccount=1`)";
    Check::warn(NAME, format!("{what} ignores these limits: {ignored}"), fix)
}

pub(super) async fn image(layout: &Layout) -> Check {
    const NAME: &str = "image";
    const BUILD: &str = "`nanoclaw image build`";
    if !layout.central().is_file() {
        return Check::fail(NAME, "none was built yet", BUILD);
    }
    let read = || {
        let central = home::central(layout)?;
        let wanted = image::wanted(&ImageArgs::default(), &central)?;
        Ok::<_, anyhow::Error>((wanted, central.setting(install::IMAGE)?))
    };
    let (wanted, built) = match read() {
        Ok((wanted, Some(built))) => (wanted, built),
        Ok((_, None)) => return Check::fail(NAME, "none was built yet", BUILD),
        Err(err) => return Check::fail(NAME, chain(err.as_ref()), "mend the database first"),
    };
    match image::current(&Engine::new(None), &wanted, layout).await {
        Ok(Some(tag)) if tag == built => Check::ok(NAME, format!("{tag} is there and current")),
        Ok(_) => Check::warn(NAME, format!("{built} is missing or out of date"), BUILD),
        Err(err) => {
            let fix = err.hint();
            Check::fail(NAME, chain(&err), fix)
        }
    }
}

pub(super) async fn credential(layout: &Layout) -> Check {
    const NAME: &str = "credential";
    let add = format!("`nanoclaw vault add {MODEL_CREDENTIAL}`");
    let sealed = match layout.central().is_file() {
        true => home::central(layout).and_then(|central| Ok(central.secrets()?)),
        false => Ok(vec![]),
    };
    let sealed: Vec<String> = match sealed {
        Ok(sealed) => sealed.into_iter().map(|it| it.name).collect(),
        Err(err) => return Check::fail(NAME, chain(err.as_ref()), "mend the database first"),
    };
    let none = "none is stored; agents are the demo, which is no model";
    if sealed.is_empty() {
        return Check::warn(NAME, none, add);
    }
    let vault = match rows::vault(layout) {
        Ok(vault) => vault,
        Err(err) => {
            let fix = hint_of(&err).unwrap_or(&add).to_owned();
            let what = format!("{} ({})", chain(err.as_ref()), sealed.join(", "));
            return Check::fail(NAME, what, fix);
        }
    };
    if !sealed.iter().any(|it| it == MODEL_CREDENTIAL) {
        return Check::warn(NAME, none, add);
    }
    match vault.probe(MODEL_CREDENTIAL).await {
        Err(err) => Check::fail(NAME, chain(&err), add),
        Ok(probe) => {
            let to = probe.credential.base_url;
            match probe.reached {
                Ok(_status) => Check::ok(NAME, format!("it opens, and {to} answers")),
                Err(trouble) => Check::fail(
                    NAME,
                    format!("it opens, but {to} does not answer: {}", chain(&trouble)),
                    format!("check the network, or give another address: {add} --base-url URL"),
                ),
            }
        }
    }
}
