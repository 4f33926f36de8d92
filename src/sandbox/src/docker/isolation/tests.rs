//! Each restriction of [`plan::body`], taken away one at a time.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerConfig, DeviceMapping, DeviceRequest, MountPoint, NetworkSettings};
use domain::agent::Resources;
use domain::{AgentName, Incarnation, SessionId};

use super::*;
use crate::docker::DockerOptions;
use crate::{Job, Mounts, inside};

const USER: (u32, u32) = (1000, 1000);

/// A name, and how to take the restriction away.
type Weakness<'a, T> = (&'a str, &'a dyn Fn(&mut T));

fn spec() -> Spec {
    Spec {
        job: Job::Run,
        agent_number: 7,
        agent: AgentName::parse("andy").unwrap(),
        session: SessionId(7),
        incarnation: Incarnation(3),
        image: "image".to_owned(),
        resources: Resources::default(),
        mounts: Mounts {
            inbound: "/data/in".into(),
            outbound: "/data/out".into(),
            files: "/data/in/files".into(),
            workspace: "/data/workspace".into(),
            home: "/data/home".into(),
            link: "/data/link".into(),
        },
        env: BTreeMap::new(),
        fingerprint: "f".to_owned(),
    }
}

/// What an engine that does all it is asked for says.
fn honest(spec: &Spec) -> ContainerInspectResponse {
    let options = DockerOptions {
        install: "test".to_owned(),
        user: USER,
        root: "/data".into(),
        socket: None,
    };
    let asked = plan::body(&options, spec);
    let mut host = asked.host_config.unwrap();
    host.privileged = Some(false);
    host.masked_paths = Some(vec!["/proc/kcore".to_owned()]);
    host.readonly_paths = Some(vec!["/proc/sys".to_owned()]);
    let mounts = plan::binds(&spec.mounts).map(|(from, to, rw)| MountPoint {
        typ: Some("bind".to_owned()),
        source: Some(from.to_string_lossy().into_owned()),
        destination: Some(to.to_owned()),
        rw: Some(rw),
        propagation: Some("rprivate".to_owned()),
        ..MountPoint::default()
    });
    ContainerInspectResponse {
        config: Some(ContainerConfig {
            user: asked.user,
            entrypoint: asked.entrypoint,
            cmd: asked.cmd,
            ..ContainerConfig::default()
        }),
        host_config: Some(host),
        mounts: Some(mounts.into()),
        network_settings: Some(NetworkSettings {
            networks: Some([("none".to_owned(), Default::default())].into()),
            ..NetworkSettings::default()
        }),
        ..ContainerInspectResponse::default()
    }
}

fn check(change: impl FnOnce(&mut ContainerInspectResponse)) -> Result<(), String> {
    let spec = spec();
    let mut seen = honest(&spec);
    change(&mut seen);
    check_isolation(&seen, &spec, USER)
}

fn list(text: &str) -> Option<Vec<String>> {
    Some(vec![text.to_owned()])
}

#[test]
fn what_was_asked_for_is_accepted() {
    assert_eq!(check(|_| ()), Ok(()));
}

#[test]
fn every_weakened_setting_is_refused() {
    let text = |it: &str| Some(it.to_owned());
    let weak: [Weakness<'_, HostConfig>; 36] = [
        ("bridge", &|h| h.network_mode = text("bridge")),
        ("host network", &|h| h.network_mode = text("host")),
        ("network unknown", &|h| h.network_mode = None),
        ("ports", &|h| h.port_bindings = Some(HashMap::from([("80/tcp".to_owned(), None)]))),
        ("all ports", &|h| h.publish_all_ports = Some(true)),
        ("links", &|h| h.links = list("/other")),
        ("privileged", &|h| h.privileged = Some(true)),
        ("privileged unknown", &|h| h.privileged = None),
        ("caps kept", &|h| h.cap_drop = list("NET_RAW")),
        ("caps unknown", &|h| h.cap_drop = None),
        ("caps added", &|h| h.cap_add = list("SYS_ADMIN")),
        ("new privileges", &|h| h.security_opt = None),
        ("new privileges off", &|h| h.security_opt = list("no-new-privileges:false")),
        ("no seccomp", &|h| h.security_opt = list("no-new-privileges")),
        ("seccomp off", &|h| h.security_opt.as_mut().unwrap().push("seccomp=unconfined".into())),
        ("two profiles", &|h| h.security_opt.as_mut().unwrap().push("seccomp={}".into())),
        ("another profile", &|h| {
            h.security_opt = Some(vec!["no-new-privileges".into(), "seccomp={}".into()]);
        }),
        ("no labels", &|h| h.security_opt.as_mut().unwrap().push("label=disable".into())),
        ("paths shown", &|h| h.masked_paths = Some(Vec::new())),
        ("paths writable", &|h| h.readonly_paths = None),
        ("groups", &|h| h.group_add = list("docker")),
        ("root writable", &|h| h.readonly_rootfs = Some(false)),
        ("pid", &|h| h.pid_mode = text("host")),
        ("ipc", &|h| h.ipc_mode = text("host")),
        ("uts", &|h| h.uts_mode = text("host")),
        ("userns", &|h| h.userns_mode = text("host")),
        ("sysctls", &|h| h.sysctls = Some(HashMap::from([("a".to_owned(), "b".to_owned())]))),
        ("devices", &|h| h.devices = Some(vec![DeviceMapping::default()])),
        ("graphics", &|h| h.device_requests = Some(vec![DeviceRequest::default()])),
        ("pids", &|h| h.pids_limit = Some(-1)),
        ("memory", &|h| h.memory = Some(0)),
        ("cpu", &|h| h.nano_cpus = None),
        ("no limits of files", &|h| h.ulimits = None),
        ("large files", &|h| h.ulimits.as_mut().unwrap()[1].soft = Some(-1)),
        ("tmpfs", &|h| h.tmpfs = Some(HashMap::from([("/tmp".to_owned(), "rw".to_owned())]))),
        ("volumes from", &|h| h.volumes_from = list("other")),
    ];
    for (name, change) in weak {
        let verdict = check(|seen| change(seen.host_config.as_mut().unwrap()));
        assert!(verdict.is_err(), "{name} was accepted");
    }
}

#[test]
fn root_and_other_users_are_refused() {
    let spec = spec();
    assert!(check(|seen| seen.config.as_mut().unwrap().user = None).is_err());
    assert!(check(|seen| seen.config.as_mut().unwrap().user = Some("1:1".to_owned())).is_err());
    assert!(check_isolation(&honest(&spec), &spec, (0, 0)).is_err());
    assert!(check_isolation(&honest(&spec), &spec, (1001, 1000)).is_err());
    let mut rooted = honest(&spec);
    rooted.config.as_mut().unwrap().entrypoint = Some(plan::entry((0, 0), &spec));
    assert!(check_isolation(&rooted, &spec, (0, 0)).is_err());
}

#[test]
fn a_program_that_would_stay_root_is_refused() {
    let other = || Some(plan::entry(USER, &Spec { job: Job::OpenUp, ..spec() }));
    assert!(check(|seen| seen.config.as_mut().unwrap().entrypoint = other()).is_err());
    let runner = || Some(vec![inside::RUNNER.to_owned()]);
    assert!(check(|seen| seen.config.as_mut().unwrap().entrypoint = runner()).is_err());
    assert!(check(|seen| seen.config.as_mut().unwrap().entrypoint = None).is_err());
    assert!(check(|seen| seen.config.as_mut().unwrap().cmd = runner()).is_err());
}

#[test]
fn the_engines_way_of_writing_capabilities_is_known() {
    let long = plan::CAPABILITIES.map(|it| format!("CAP_{it}")).into();
    assert_eq!(check(|seen| seen.host_config.as_mut().unwrap().cap_add = Some(long)), Ok(()));
}

#[test]
fn the_profile_allows_neither_hypervisor_sockets_nor_what_nobody_needs() {
    let profile: serde_json::Value = serde_json::from_str(plan::SECCOMP).unwrap();
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    for rule in profile["syscalls"].as_array().unwrap() {
        let names: Vec<_> =
            rule["names"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        for forbidden in [
            "io_uring_setup",
            "userfaultfd",
            "bpf",
            "keyctl",
            "add_key",
            "request_key",
            "ptrace",
            "process_vm_readv",
            "process_vm_writev",
            "pidfd_getfd",
            "perf_event_open",
            "mount",
            "unshare",
            "setns",
            "open_by_handle_at",
            "kexec_load",
            "init_module",
        ] {
            assert!(!names.contains(&forbidden), "{forbidden} is allowed");
        }
        if names.contains(&"socket") {
            let families = rule["args"].as_array().unwrap().iter().filter(|it| it["index"] == 0);
            for family in families {
                // Local, IPv4, IPv6, addresses of interfaces; by equality, so that no upper half
                // of the argument gets another one through.
                assert_eq!(family["op"], "SCMP_CMP_EQ");
                assert!([1, 2, 10, 16].contains(&family["value"].as_i64().unwrap()), "{family}");
            }
        }
    }
}

#[test]
fn an_attached_network_is_refused() {
    let verdict = check(|seen| {
        let networks = seen.network_settings.as_mut().unwrap().networks.as_mut().unwrap();
        networks.insert("bridge".to_owned(), Default::default());
    });
    assert!(verdict.is_err());
}

#[test]
fn mounts_are_exactly_ours() {
    let first = |seen: &mut ContainerInspectResponse, change: &dyn Fn(&mut MountPoint)| {
        change(&mut seen.mounts.as_mut().unwrap()[0]);
    };
    let weak: [Weakness<'_, MountPoint>; 6] = [
        ("writable", &|it| it.rw = Some(true)),
        ("access unknown", &|it| it.rw = None),
        ("elsewhere", &|it| it.source = Some("/etc".to_owned())),
        ("longer", &|it| it.source = Some("/data/in/x".to_owned())),
        ("a volume", &|it| it.typ = Some("volume".to_owned())),
        ("shared", &|it| it.propagation = Some("rshared".to_owned())),
    ];
    for (name, change) in weak {
        assert!(check(|seen| first(seen, change)).is_err(), "{name} was accepted");
    }
    let missing = check(|seen| drop(seen.mounts.as_mut().unwrap().remove(1)));
    assert_eq!(missing, Err(format!("{} is missing", inside::OUT)));
    let further = check(|seen| {
        let volume = MountPoint { destination: Some("/v".to_owned()), ..MountPoint::default() };
        seen.mounts.as_mut().unwrap().push(volume);
    });
    assert!(further.is_err());
}

#[test]
fn a_virtual_machines_names_for_host_folders_are_known() {
    let shown = |path: &'static str| {
        check(|seen| seen.mounts.as_mut().unwrap()[0].source = Some(path.to_owned()))
    };
    assert_eq!(shown("/host_mnt/data/in"), Ok(()));
    assert!(shown("/evil/data/in").is_err());
}

#[test]
fn the_engine_is_never_mounted() {
    for path in ["/", "/var/run", "/run", "/var/run/docker.sock", "/x/docker.sock"] {
        let mut spec = spec();
        spec.mounts.workspace = path.into();
        assert!(check_isolation(&honest(&spec), &spec, USER).is_err(), "{path} was accepted");
    }
}

#[test]
fn an_unlimited_spec_is_refused() {
    let mut spec = spec();
    spec.resources.memory_mib = 0;
    assert!(check_isolation(&honest(&spec), &spec, USER).is_err());
}
