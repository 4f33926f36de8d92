//! A [`Spec`] as the engine's words, and the engine's words as [`Observed`]. Pure.
//!
//! Everything here that restricts a container has its counterpart in [`super::isolation`].

use std::path::Path;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, HealthConfig,
    HostConfig, HostConfigLogConfig, Mount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountType, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use domain::{Incarnation, SessionId};

use super::DockerOptions;
use crate::{Job, Mounts, Observed, Spec, inside};

pub(super) const LABEL_INSTALL: &str = "nanoclaw.install";
pub(super) const LABEL_SESSION: &str = "nanoclaw.session";
const LABEL_INCARNATION: &str = "nanoclaw.incarnation";
const LABEL_FINGERPRINT: &str = "nanoclaw.fingerprint";

/// The one folder in memory. Programs run from it: agents write scripts there.
pub(super) const TMP: &str = "/tmp";
/// 512 MiB bounds what `/tmp` may take; it counts against the container's memory as well.
const TMP_OPTIONS: &str = "rw,exec,nosuid,nodev,size=536870912,mode=1777";

/// Stands for a container that carries our name but no label of ours: somebody else's work, older
/// than every incarnation that was given out, and so to be replaced.
const NO_INCARNATION: Incarnation = Incarnation(-1);

pub(super) fn container_name(install: &str, session: SessionId, job: Job) -> String {
    let suffix = if job == Job::OpenUp { "-open" } else { "" };
    format!("nanoclaw-{install}-{session}{suffix}")
}

/// Host folder, path inside, and whether the container may write to it.
pub(super) fn binds(mounts: &Mounts) -> [(&Path, &'static str, bool); 6] {
    [
        (&mounts.inbound, inside::IN, false),
        (&mounts.outbound, inside::OUT, true),
        (&mounts.files, inside::FILES, false),
        (&mounts.workspace, inside::WORKSPACE, true),
        (&mounts.home, inside::HOME, true),
        (&mounts.link, inside::LINK, false),
    ]
}

/// Of -1000 to 1000; other programs have 0.
const OOM_SCORE: i64 = 500;

/// Whom the engine starts. Without any other capability than these it is root by name only, and
/// [`entry`] leaves it at once.
pub(super) const FIRST_USER: &str = "0:0";

/// What the runner needs to start its agent's processes as another user and to end them.
pub(super) const CAPABILITIES: [&str; 4] = ["SETUID", "SETGID", "SETPCAP", "KILL"];

/// Docker's own profile with less: no sockets towards a hypervisor or of rare protocols, no
/// `io_uring`, no tracing of other processes, no calls of 32-bit programs.
pub(super) const SECCOMP: &str = include_str!("seccomp.json");

pub(super) fn seccomp() -> String {
    format!("seccomp={SECCOMP}")
}

/// Opens folders before it looks into them, and follows no link. What is the runner's stays as it is.
const OPEN_UP: [&str; 6] = ["/bin/chmod", "-R", "-f", "ug+rwX", inside::WORKSPACE, inside::HOME];

/// The first program: becomes the runner's user, keeps the [`CAPABILITIES`] and nothing else, and is
/// replaced by the runner. For another job it becomes the agent, with nothing.
pub(super) fn entry((uid, gid): (u32, u32), spec: &Spec) -> Vec<String> {
    let (uid, kept, program) = match spec.job {
        Job::Run => {
            let kept = CAPABILITIES.map(|it| format!(",+{}", it.to_lowercase()));
            (uid, kept.concat(), [inside::RUNNER].as_slice())
        }
        Job::OpenUp => {
            (inside::agent_uid(uid, spec.agent_number), String::new(), OPEN_UP.as_slice())
        }
    };
    let become_user = format!(
        "/usr/bin/setpriv --reuid={uid} --regid={gid} --clear-groups --no-new-privs \
         --bounding-set=-all{kept} --inh-caps=-all{kept} --ambient-caps=-all{kept}"
    );
    become_user.split(' ').chain(program.iter().copied()).map(str::to_owned).collect()
}

/// Everything the engine is asked for.
pub(super) fn body(options: &DockerOptions, spec: &Spec) -> ContainerCreateBody {
    let mut env = spec.env.clone();
    env.insert("HOME".to_owned(), inside::HOME.to_owned());
    env.insert(inside::AGENT_ENV.to_owned(), spec.agent.to_string());
    let uid = inside::agent_uid(options.user.0, spec.agent_number);
    env.insert(inside::AGENT_UID_ENV.to_owned(), uid.to_string());
    let mut labels = vec![
        (LABEL_INSTALL, options.install.clone()),
        (LABEL_INCARNATION, spec.incarnation.to_string()),
        (LABEL_FINGERPRINT, spec.fingerprint.clone()),
    ];
    // Another job's is not the container that the session has.
    if spec.job == Job::Run {
        labels.push((LABEL_SESSION, spec.session.to_string()));
    }
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        user: Some(FIRST_USER.to_owned()),
        // Never what the image says: its program would be root.
        entrypoint: Some(entry(options.user, spec)),
        cmd: Some(Vec::new()),
        working_dir: Some(inside::WORKSPACE.to_owned()),
        env: Some(env.into_iter().map(|(key, value)| format!("{key}={value}")).collect()),
        labels: Some(labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        // An image must not bring its own way of being stopped, or programs of its own.
        stop_signal: Some("SIGTERM".to_owned()),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..Default::default() }),
        host_config: Some(host_config(spec)),
        ..ContainerCreateBody::default()
    }
}

pub(super) fn host_config(spec: &Spec) -> HostConfig {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let binds = binds(&spec.mounts);
    let memory = i64::from(spec.resources.memory_mib) * 1024 * 1024;
    HostConfig {
        network_mode: Some("none".to_owned()),
        ipc_mode: Some("private".to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).into()),
        security_opt: Some(vec!["no-new-privileges".to_owned(), seccomp()]),
        readonly_rootfs: Some(true),
        tmpfs: Some([(TMP, TMP_OPTIONS)].map(owned).into()),
        mounts: Some(binds.into_iter().map(|(from, to, rw)| bind(from, to, rw)).collect()),
        memory: Some(memory),
        // The same again, so that a container cannot take swap beside its memory.
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(spec.resources.cpu_milli) * 1_000_000),
        // Where memory runs out, a container goes before the host does.
        oom_score_adj: Some(OOM_SCORE),
        pids_limit: Some(i64::from(spec.resources.pids)),
        ulimits: Some(ulimits(spec)),
        // Reaps what the agent leaves behind, and makes a runner without a handler stop at once.
        init: Some(true),
        // One file of at most 1 MB: output is only for [`crate::Sandbox::tail`], and must not fill a disk.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some([("max-size", "1m"), ("max-file", "1")].map(owned).into()),
        }),
        // The host decides when to start again; and the exit code is read before the removal.
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        auto_remove: Some(false),
        ..HostConfig::default()
    }
}

/// A program that crashes leaves no picture of its memory in the workspace, and no file is larger than
/// all of them may be together.
fn ulimits(spec: &Spec) -> Vec<ResourcesUlimits> {
    let largest = i64::try_from(spec.resources.disk_bytes()).unwrap_or(i64::MAX);
    [("core", 0), ("fsize", largest)]
        .map(|(name, limit)| ResourcesUlimits {
            name: Some(name.to_owned()),
            soft: Some(limit),
            hard: Some(limit),
        })
        .into()
}

/// Private and without the mounts below it: what the host mounts there, now or later, stays out.
fn bind(from: &Path, to: &str, writable: bool) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(from.to_string_lossy().into_owned()),
        target: Some(to.to_owned()),
        read_only: Some(!writable),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            non_recursive: Some(true),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

/// A container that was created but never ran counts as absent: its start was cut short, and the
/// next one removes it.
pub(super) fn observed(seen: &ContainerInspectResponse) -> Observed {
    let label = |key| seen.config.as_ref()?.labels.as_ref()?.get(key);
    let incarnation = label(LABEL_INCARNATION)
        .and_then(|text| text.parse().ok())
        .map_or(NO_INCARNATION, Incarnation);
    let fingerprint = label(LABEL_FINGERPRINT).cloned().unwrap_or_default();
    let state = seen.state.clone().unwrap_or_default();
    match state.status {
        None
        | Some(
            ContainerStateStatusEnum::EMPTY
            | ContainerStateStatusEnum::CREATED
            | ContainerStateStatusEnum::REMOVING,
        ) => Observed::Absent,
        Some(
            ContainerStateStatusEnum::RUNNING
            | ContainerStateStatusEnum::PAUSED
            | ContainerStateStatusEnum::RESTARTING
            | ContainerStateStatusEnum::STOPPING,
        ) => Observed::Running { incarnation, fingerprint },
        Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD) => {
            let code = state.exit_code.unwrap_or_default();
            let out_of_memory = state.oom_killed.unwrap_or_default();
            Observed::Exited { incarnation, code, out_of_memory }
        }
    }
}
