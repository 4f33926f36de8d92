//! Whether a container is as isolated as asked, judged by what the engine says it made. Pure.
//!
//! The engine may ignore what it was asked for: an old version, a kernel without a controller, an
//! image that declares volumes, a default in its own configuration. So nothing counts as granted
//! because it was requested.
//!
//! Invariant: what the engine does not say is taken for the worst.
//!
//! Not judged: the limit on swap (many kernels cannot keep it, and it protects the host's speed,
//! not its secrets).

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{ContainerInspectResponse, HostConfig, MountPoint};

use super::plan;
use crate::Spec;

/// Where engines listen. A mount that shows one of these, or a folder above it, hands over the host.
const ENGINE_SOCKETS: [&str; 5] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
];

/// Under which an engine in a virtual machine shows the host's folders.
const HOST_PREFIXES: [&str; 3] =
    ["/host_mnt", "/run/desktop/mnt/host", "/mnt/lima-rancher-desktop"];

/// Whether it holds, and the weakness if not, as the end of a sentence for the user.
type Check = (bool, &'static str);

/// Compares what the engine made with what `spec` and `user` (uid, gid) ask for. The error names the first
/// weakness.
pub fn check_isolation(
    seen: &ContainerInspectResponse,
    spec: &Spec,
    user: (u32, u32),
) -> Result<(), String> {
    let host = seen.host_config.as_ref().ok_or("the engine does not show its settings")?;
    let config = seen.config.as_ref().ok_or("the engine does not show what would run")?;
    let ours = config.entrypoint.as_ref() == Some(&plan::entry(user, spec));
    let first = [
        (user.0 != 0 && user.1 != 0, "it would run as root"),
        (config.user.as_deref() == Some(plan::FIRST_USER), "it would run as another user"),
        (ours && is_empty(config.cmd.as_ref()), "it would not leave the first user"),
    ];
    let limits = limits(host, &plan::host_config(spec));
    let groups = [&first[..], &network(seen, host), &privileges(host), &namespaces(host), &limits];
    groups.concat().into_iter().try_for_each(|(holds, weakness)| require(holds, weakness))?;
    check_mounts(seen.mounts.as_deref().unwrap_or_default(), spec)
}

fn require(holds: bool, weakness: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(weakness.to_owned()) }
}

fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_none_or(Vec::is_empty)
}

fn network(seen: &ContainerInspectResponse, host: &HostConfig) -> [Check; 4] {
    let networks = seen.network_settings.as_ref().and_then(|it| it.networks.as_ref());
    let only_none = networks.is_none_or(|all| all.keys().all(|name| name == "none"));
    let no_ports = host.port_bindings.as_ref().is_none_or(HashMap::is_empty);
    [
        (host.network_mode.as_deref() == Some("none"), "it would have a network"),
        (only_none, "it is attached to a network"),
        (no_ports && host.publish_all_ports != Some(true), "it would open ports"),
        (is_empty(host.links.as_ref()), "it is linked to another container"),
    ]
}

fn privileges(host: &HostConfig) -> [Check; 9] {
    let drops_all = host.cap_drop.iter().flatten().any(|it| it.eq_ignore_ascii_case("ALL"));
    let known = |it: &String| plan::CAPABILITIES.contains(&it.trim_start_matches("CAP_"));
    let options = || host.security_opt.iter().flatten();
    let spellings = ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"];
    let no_gain = options().any(|it| spellings.contains(&it.as_str()));
    let filters: Vec<_> = options().filter(|it| it.starts_with("seccomp")).collect();
    // Switched off AppArmor, SELinux or the hidden paths below /proc, in any spelling.
    let opened = options().any(|it| it.contains("unconfined") || it.contains("disable"));
    let hides = !is_empty(host.masked_paths.as_ref()) && !is_empty(host.readonly_paths.as_ref());
    [
        (host.privileged == Some(false), "it would be privileged"),
        (drops_all, "it would keep capabilities"),
        (host.cap_add.iter().flatten().all(known), "it would gain capabilities"),
        (no_gain, "its programs could gain privileges"),
        (filters == [&plan::seccomp()], "it could make more system calls than it needs"),
        (!opened, "a protection of the kernel would be switched off"),
        (hides, "it would see all of the kernel's settings"),
        (is_empty(host.group_add.as_ref()), "it would be in further groups"),
        (host.readonly_rootfs == Some(true), "it could change its own system"),
    ]
}

fn namespaces(host: &HostConfig) -> [Check; 7] {
    let own = |mode: Option<&String>| mode.is_none_or(|it| it.is_empty() || it == "private");
    let no_devices = is_empty(host.devices.as_ref())
        && is_empty(host.device_requests.as_ref())
        && is_empty(host.device_cgroup_rules.as_ref());
    let no_sysctls = host.sysctls.as_ref().is_none_or(HashMap::is_empty);
    [
        (own(host.pid_mode.as_ref()), "it would see other processes"),
        (host.ipc_mode.as_deref() == Some("private"), "it would share memory with others"),
        (own(host.uts_mode.as_ref()), "it would share the host's name"),
        (own(host.userns_mode.as_ref()), "it would share the host's users"),
        (host.cgroup.as_ref().is_none_or(String::is_empty), "it would share a control group"),
        (no_sysctls, "it would set the kernel up"),
        (no_devices, "it would have devices"),
    ]
}

fn limits(host: &HostConfig, asked: &HostConfig) -> [Check; 7] {
    let is_kept = |limit: fn(&HostConfig) -> Option<i64>| {
        Some(0) < limit(asked) && limit(host) == limit(asked)
    };
    let found = |it| host.ulimits.as_ref().is_some_and(|all| all.contains(it));
    let bounded = |(path, options): (&String, &String)| {
        let set: Vec<_> = options.split(',').collect();
        path == plan::TMP
            && ["nosuid", "nodev"].iter().all(|it| set.contains(it))
            && set.iter().any(|it| it.starts_with("size="))
    };
    let in_memory = host.tmpfs.iter().flatten().all(bounded);
    [
        (is_kept(|it| it.pids_limit), "its processes would not be limited"),
        (is_kept(|it| it.memory), "its memory would not be limited"),
        (is_kept(|it| it.nano_cpus), "its processor time would not be limited"),
        (asked.ulimits.iter().flatten().all(found), "its files would not be limited"),
        (host.oom_kill_disable != Some(true), "it could not be ended when out of memory"),
        (in_memory, "a folder in memory would not be limited"),
        (is_empty(host.volumes_from.as_ref()), "it would share another container's folders"),
    ]
}

/// Exactly ours, each once: an image that declares a volume brings one more.
fn check_mounts(seen: &[MountPoint], spec: &Spec) -> Result<(), String> {
    let asked = plan::binds(&spec.mounts);
    for (source, target, writable) in asked {
        let found = seen.iter().find(|it| it.destination.as_deref() == Some(target));
        let found = found.ok_or_else(|| format!("{target} is missing"))?;
        let shown = found.source.as_deref().unwrap_or_default();
        let apart =
            matches!(found.propagation.as_deref(), None | Some("" | "private" | "rprivate"));
        for (holds, weakness) in [
            (found.typ.as_deref() == Some("bind"), "is no host folder"),
            (same_folder(shown, source), "shows another folder"),
            (found.rw == Some(writable), "has the wrong access"),
            (apart, "shares later mounts"),
            (!shows_engine(source), "shows the container engine"),
        ] {
            require(holds, &format!("{target} {weakness}"))?;
        }
    }
    require(seen.len() == asked.len(), "it has a mount that was not asked for")
}

fn same_folder(shown: &str, asked: &Path) -> bool {
    let shown = Path::new(shown);
    let within =
        |prefix| shown.strip_prefix(prefix).is_ok_and(|rest| Path::new("/").join(rest) == asked);
    shown == asked || HOST_PREFIXES.into_iter().any(within)
}

fn shows_engine(source: &Path) -> bool {
    source.file_name().is_some_and(|it| it == "docker.sock")
        || ENGINE_SOCKETS.iter().any(|socket| Path::new(socket).starts_with(source))
}
