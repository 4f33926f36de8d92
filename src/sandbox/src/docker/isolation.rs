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

/// Compares what the engine made with what `spec` and `user` (uid, gid) ask for.
/// The error names the first weakness, as the end of a sentence for the user.
pub fn check_isolation(
    seen: &ContainerInspectResponse,
    spec: &Spec,
    user: (u32, u32),
) -> Result<(), String> {
    let host = seen.host_config.as_ref().ok_or("the engine does not show its settings")?;
    check_user(seen, user, spec)?;
    check_network(seen, host)?;
    check_privileges(host)?;
    check_namespaces(host)?;
    check_devices(host)?;
    check_limits(host, &plan::host_config(spec))?;
    check_tmpfs(host)?;
    check_mounts(seen.mounts.as_deref().unwrap_or_default(), spec)
}

fn require(holds: bool, weakness: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(weakness.to_owned()) }
}

fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_none_or(Vec::is_empty)
}

fn check_user(
    seen: &ContainerInspectResponse,
    user: (u32, u32),
    spec: &Spec,
) -> Result<(), String> {
    require(user.0 != 0 && user.1 != 0, "it would run as root")?;
    let config = seen.config.as_ref().ok_or("the engine does not show what would run")?;
    require(config.user.as_deref() == Some(plan::FIRST_USER), "it would run as another user")?;
    let ours = config.entrypoint.as_ref() == Some(&plan::entry(user, spec));
    require(ours && is_empty(config.cmd.as_ref()), "it would not leave the first user")
}

fn check_network(seen: &ContainerInspectResponse, host: &HostConfig) -> Result<(), String> {
    require(host.network_mode.as_deref() == Some("none"), "it would have a network")?;
    let networks = seen.network_settings.as_ref().and_then(|it| it.networks.as_ref());
    let only_none = networks.is_none_or(|all| all.keys().all(|name| name == "none"));
    require(only_none, "it is attached to a network")?;
    let no_ports = host.port_bindings.as_ref().is_none_or(HashMap::is_empty);
    require(no_ports && host.publish_all_ports != Some(true), "it would open ports")?;
    require(is_empty(host.links.as_ref()), "it is linked to another container")
}

fn check_privileges(host: &HostConfig) -> Result<(), String> {
    require(host.privileged == Some(false), "it would be privileged")?;
    let drops_all = host.cap_drop.iter().flatten().any(|it| it.eq_ignore_ascii_case("ALL"));
    require(drops_all, "it would keep capabilities")?;
    let known = |it: &String| plan::CAPABILITIES.contains(&it.trim_start_matches("CAP_"));
    require(host.cap_add.iter().flatten().all(known), "it would gain capabilities")?;
    let options = || host.security_opt.iter().flatten();
    let no_gain = options().any(|option| {
        ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"]
            .contains(&option.as_str())
    });
    require(no_gain, "its programs could gain privileges")?;
    let filters: Vec<_> = options().filter(|it| it.starts_with("seccomp")).collect();
    require(filters == [&plan::seccomp()], "it could make more system calls than it needs")?;
    // Switched off AppArmor, SELinux or the hidden paths below /proc, in any spelling.
    let opened = options().any(|it| it.contains("unconfined") || it.contains("disable"));
    require(!opened, "a protection of the kernel would be switched off")?;
    let masks = host.masked_paths.as_ref().is_some_and(|it| !it.is_empty());
    let guards = host.readonly_paths.as_ref().is_some_and(|it| !it.is_empty());
    require(masks && guards, "it would see all of the kernel's settings")?;
    require(is_empty(host.group_add.as_ref()), "it would be in further groups")?;
    require(host.readonly_rootfs == Some(true), "it could change its own system")
}

fn check_namespaces(host: &HostConfig) -> Result<(), String> {
    let own = |mode: Option<&String>| mode.is_none_or(|it| it.is_empty() || it == "private");
    require(own(host.pid_mode.as_ref()), "it would see other processes")?;
    require(host.ipc_mode.as_deref() == Some("private"), "it would share memory with others")?;
    require(own(host.uts_mode.as_ref()), "it would share the host's name")?;
    require(own(host.userns_mode.as_ref()), "it would share the host's users")?;
    require(host.cgroup.as_ref().is_none_or(String::is_empty), "it would share a control group")?;
    require(host.sysctls.as_ref().is_none_or(HashMap::is_empty), "it would set the kernel up")
}

fn check_devices(host: &HostConfig) -> Result<(), String> {
    let none = is_empty(host.devices.as_ref())
        && is_empty(host.device_requests.as_ref())
        && is_empty(host.device_cgroup_rules.as_ref());
    require(none, "it would have devices")
}

fn check_limits(host: &HostConfig, asked: &HostConfig) -> Result<(), String> {
    let is_kept = |limit: fn(&HostConfig) -> Option<i64>| {
        Some(0) < limit(asked) && limit(host) == limit(asked)
    };
    require(is_kept(|it| it.pids_limit), "its processes would not be limited")?;
    require(is_kept(|it| it.memory), "its memory would not be limited")?;
    require(is_kept(|it| it.nano_cpus), "its processor time would not be limited")?;
    let found = |it| host.ulimits.as_ref().is_some_and(|all| all.contains(it));
    require(asked.ulimits.iter().flatten().all(found), "its files would not be limited")?;
    require(host.oom_kill_disable != Some(true), "it could not be ended when out of memory")
}

fn check_tmpfs(host: &HostConfig) -> Result<(), String> {
    let mounted = host.tmpfs.iter().flatten();
    let ours = |(path, options): (&String, &String)| {
        let set: Vec<_> = options.split(',').collect();
        path == plan::TMP
            && ["nosuid", "nodev"].iter().all(|it| set.contains(it))
            && set.iter().any(|it| it.starts_with("size="))
    };
    require(mounted.clone().all(ours), "a folder in memory would not be limited")?;
    require(is_empty(host.volumes_from.as_ref()), "it would share another container's folders")
}

/// Exactly ours, each once: an image that declares a volume brings one more.
fn check_mounts(seen: &[MountPoint], spec: &Spec) -> Result<(), String> {
    let asked = plan::binds(&spec.mounts);
    for (source, target, writable) in asked {
        let found = seen.iter().find(|it| it.destination.as_deref() == Some(target));
        let found = found.ok_or_else(|| format!("{target} is missing"))?;
        require(found.typ.as_deref() == Some("bind"), &format!("{target} is no host folder"))?;
        let shown = found.source.as_deref().unwrap_or_default();
        require(same_folder(shown, source), &format!("{target} shows another folder"))?;
        require(found.rw == Some(writable), &format!("{target} has the wrong access"))?;
        let apart =
            matches!(found.propagation.as_deref(), None | Some("" | "private" | "rprivate"));
        require(apart, &format!("{target} shares later mounts"))?;
        require(!shows_engine(source), &format!("{target} shows the container engine"))?;
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
