//! What the README claims about speed and size, measured. `./nanoclaw.sh bench` runs it.
//!
//! Each figure that depends on the machine is printed beside its floor, measured in the same run:
//! the work that cannot be avoided. The ratio is what to compare between machines.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed benchmark")]
#![expect(clippy::print_stdout, reason = "it prints figures")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod floor;
mod process;
mod rig;
mod round_trip;
mod routing;
mod scheduling;
mod soak;
mod stopping;
mod storing;
mod sweeping;

use std::time::Duration;

fn main() {
    // `cargo test --benches` passes `--test`; there is nothing to test here.
    if std::env::args().any(|it| it == "--test" || it == "--list") {
        return;
    }
    let only: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    // Only when asked for: it takes minutes, and has a runtime of its own.
    if only.iter().any(|it| it == "soak") {
        return soak::run();
    }
    // As the host itself runs.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // On the host's own thread, where adapters are too: no message changes threads for the benchmark's sake.
    let all = runtime.spawn(async move {
        let wanted = |name: &str| only.is_empty() || only.iter().any(|it| it == name);
        if wanted("storing") {
            storing::run().await;
        }
        if wanted("routing") {
            routing::run().await;
        }
        if wanted("sweeping") {
            sweeping::run().await;
        }
        if wanted("scheduling") {
            scheduling::run();
        }
        if wanted("round_trip") {
            round_trip::run().await;
        }
        if wanted("stopping") {
            stopping::run().await;
        }
        if wanted("process") {
            process::run().await;
        }
    });
    runtime.block_on(all).unwrap();
}

/// Minimum, median and maximum in milliseconds.
pub(crate) fn spread(times: &mut [Duration]) -> String {
    times.sort();
    let ms = |it: &Duration| it.as_secs_f64() * 1_000.0;
    let (first, middle, last) = (&times[0], &times[times.len() / 2], &times[times.len() - 1]);
    format!(
        "min {:.2}, median {:.2}, max {:.2} ms (n={})",
        ms(first),
        ms(middle),
        ms(last),
        times.len()
    )
}

/// The median; sorts.
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
