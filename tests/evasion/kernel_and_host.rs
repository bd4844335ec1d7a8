//! The loaded kernel programs and the library that they are made of come to the same judgement, and count it.

use std::collections::BTreeMap;
use std::path::Path;

use pxeguard::dataplane::{DataPlane, TestRun};
use pxeguard::trust::{Compiled, Trust, compile};
use pxeguard_common::frame::Bytes;
use pxeguard_common::net::Ifindex;
use pxeguard_common::reply::ServerReply;
use pxeguard_common::trust::{Mode, Policy};
use pxeguard_common::verdict::{Judgement, Verdict};
use pxeguard_lab::{Host, skip_unless};

use crate::generated::{Generated, cut_off, golden};

/// Frames besides the golden ones, each under one of the policies.
const GENERATED: usize = 100_000;
/// Random encapsulations among what they are generated of.
const ENCAPSULATIONS: usize = 2_000;
/// Frames after which the counters are compared.
const BATCH: usize = 500;

/// The interface by which the frames of a test run come in.
const LO: Ifindex = Ifindex(1);
const ELSEWHERE: Ifindex = Ifindex(9);

/// Modes and trusts; the MAC is that of most golden frames.
const POLICIES: [(Mode, &[&str]); 11] = [
    (Mode::Enforce, &[]),
    (Mode::Observe, &[]),
    (Mode::Enforce, &["02:00:00:00:66:01@lo"]),
    (Mode::Enforce, &["02:00:00:00:66:01@elsewhere", "02:00:00:00:00:99@*,pxe"]),
    (Mode::Enforce, &["*@lo"]),
    (Mode::Enforce, &["*@lo,pxe"]),
    (Mode::Enforce, &["*@lo,vlan=5", "02:00:00:00:66:01@*,vlan=untagged,pxe"]),
    (Mode::Enforce, &["02:00:00:00:66:01", "02:00:00:00:00:99,vlan=untagged"]),
    (Mode::Enforce, &[BOUND_ELSEWHERE, "*@lo,pxe"]),
    (Mode::Observe, &["02:00:00:00:66:01@*,pxe"]),
    (Mode::Observe, &["02:00:00:00:66:01@elsewhere"]),
];

/// A trust in where the MAC was first seen, which is not where the frames come from.
const BOUND_ELSEWHERE: &str = "02:00:00:00:66:01,pxe";

#[test]
fn kernel_programs_judge_as_the_library_does() {
    skip_unless!();
    let host = Host::new("kernel").unwrap();
    host.enter(|| {
        let mut kernel = DataPlane::open(Path::new("/sys/fs/bpf")).unwrap();
        let golden: Vec<_> = golden().into_iter().map(|(_, frame)| frame).collect();
        let cut_off =
            cut_off(&["plain 0", "vlan-q-q 0", "snap 0", "ip-options-40 0", "fragment-offset-8 0", "discover"]);
        let golden: Vec<_> = golden.into_iter().chain(cut_off).collect();
        let mut generated = Generated::new(ENCAPSULATIONS);
        let mut seen = BTreeMap::new();
        for (mode, trusts) in POLICIES {
            let policy = put_in_force(&mut kernel, mode, trusts);
            let part: Vec<_> = generated.by_ref().take(GENERATED.div_ceil(POLICIES.len())).collect();
            for frames in golden.chunks(BATCH).chain(part.chunks(BATCH)) {
                compare(&mut kernel, TestRun::Xdp, &policy, frames);
                let frames: Vec<_> = frames.iter().filter(|frame| can_be_run_by_tc(frame)).cloned().collect();
                compare(&mut kernel, TestRun::Ingress, &policy, &frames);
                frames.iter().filter_map(|frame| judge(&policy, frame)).for_each(|judgement| {
                    *seen.entry(judgement.index()).or_insert(0) += 1;
                });
            }
        }
        // Every judgement that there is was among them, often.
        for judgement in Judgement::all().filter(|all| all.reason.passes() == (all.verdict == Verdict::Pass)) {
            assert!(seen.get(&judgement.index()) > Some(&10), "{judgement:?}: {seen:?}");
        }
    })
    .unwrap();
}

fn put_in_force(kernel: &mut DataPlane, mode: Mode, trusts: &[&str]) -> Compiled {
    let texts: Vec<Trust> = trusts.iter().map(|text| text.parse().unwrap()).collect();
    let port = |name: &pxeguard::trust::PortName| match name.to_string().as_str() {
        "lo" => vec![LO],
        _ => vec![ELSEWHERE],
    };
    let bound = trusts.contains(&BOUND_ELSEWHERE);
    let bindings = bound.then(|| ("02:00:00:00:66:01".parse().unwrap(), "elsewhere".parse().unwrap()));
    let policy = compile(&texts, mode, port, &bindings.into_iter().collect());
    for (mac, _) in kernel.maps.bindings().unwrap() {
        kernel.maps.unbind(mac).unwrap();
    }
    for (mac, port) in &policy.bound {
        kernel.maps.bind(*mac, *port).unwrap();
    }
    let entries: Vec<_> = policy.entries.iter().map(|(place, grant)| (*place, *grant)).collect();
    kernel.maps.set_policy(mode, &entries).unwrap();
    policy
}

/// What the library says; `None` where the frame is no reply.
fn judge(policy: &impl Policy, frame: &[u8]) -> Option<Judgement> {
    let reply = ServerReply::parse(&Bytes::new(frame)).ok()?;
    Some(Judgement::of(policy, LO, &reply))
}

fn compare(kernel: &mut DataPlane, program: TestRun, policy: &Compiled, frames: &[Vec<u8>]) {
    if counted(kernel, program, policy, frames) != expected(policy, frames) {
        // Which one was it?
        for frame in frames.chunks(1) {
            let (counted, expected) = (counted(kernel, program, policy, frame), expected(policy, frame));
            assert_eq!(counted, expected, "{program:?} counts otherwise: {:02x?}", frame[0]);
        }
        panic!("{program:?} counts otherwise when frames follow each other");
    }
}

fn expected(policy: &Compiled, frames: &[Vec<u8>]) -> Vec<(Judgement, u64)> {
    let judgements: Vec<_> = frames.iter().filter_map(|frame| judge(policy, frame)).collect();
    let count = |judgement| judgements.iter().filter(|of_frame| **of_frame == judgement).count() as u64;
    Judgement::all().map(|judgement| (judgement, count(judgement))).collect()
}

/// Runs the program on each frame, and compares what it does; what it has counted.
fn counted(kernel: &mut DataPlane, program: TestRun, policy: &Compiled, frames: &[Vec<u8>]) -> Vec<(Judgement, u64)> {
    let before = kernel.maps.totals().unwrap();
    for frame in frames {
        let (action, _) = kernel.test_run(program, frame, 1).unwrap();
        let judgement = judge(policy, frame);
        let drops = judgement.is_some_and(|judgement| judgement.verdict == Verdict::Drop);
        assert_eq!(action, action_of(program, drops), "{program:?} is not for {judgement:?}: {frame:02x?}");
    }
    let after = kernel.maps.totals().unwrap();
    before.into_iter().zip(after).map(|((judgement, before), (_, after))| (judgement, after - before)).collect()
}

/// Linux 6.18 refuses to run a tc program on IP packets whose header is cut off; such frames are sent by other tests.
fn can_be_run_by_tc(frame: &[u8]) -> bool {
    let least = match frame[12..14] {
        [0x08, 0x00] => 14 + 20,
        [0x86, 0xdd] => 14 + 40,
        _ => 14,
    };
    frame.len() >= least
}

/// Numbers of linux/bpf.h and linux/pkt_cls.h.
fn action_of(program: TestRun, drops: bool) -> u32 {
    match (program, drops) {
        (TestRun::Xdp, true) => 1,
        (TestRun::Xdp, false) => 2,
        (_, true) => 2,
        (_, false) => u32::MAX,
    }
}
