//! The metrics, each with its name, help and labels.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;
use pxeguard_common::dhcp::MessageType;
use pxeguard_common::trust::Mode;
use pxeguard_common::verdict::Verdict;

use super::{ServerReplies, Snapshot};
use crate::clients::BootCounts;
use crate::report::{ClientMessages, Port};

/// Servers, each a MAC address at a port, that have labels of their own.
pub(super) const MAX_LABELLED_SERVERS: usize = 100;
/// Label of all others at a port.
const OTHER: &str = "other";

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        single(encoder, "pxeguard_build", "Version of the running pxeguard", &Info::new([("version", VERSION)]))?;
        let enforcing = ConstGauge::new(i64::from(self.mode == Mode::Enforce));
        single(encoder, "pxeguard_enforcing", "Whether replies of untrusted servers are dropped", &enforcing)?;
        let help = "Events that the kernel could not tell the daemon because the ring buffer was full";
        single(encoder, "pxeguard_events_lost", help, &ConstCounter::new(self.events_lost))?;
        let replies = self.totals.iter();
        let replies = replies
            .map(|(verdict, reason, count)| ([("verdict", verdict), ("reason", reason)], ConstCounter::new(count)));
        family(
            encoder,
            "pxeguard_replies",
            "Replies of DHCP and PXE servers by verdict and its reason",
            None,
            replies,
        )?;
        self.encode_ports(encoder)?;
        self.encode_servers(encoder)?;
        self.encode_alerts(encoder)?;
        self.boot.as_ref().map_or(Ok(()), |counts| encode_boot(encoder, counts))
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// An info metric has its labels in itself.
const NONE: [(&str, &str); 0] = [];

impl Snapshot {
    fn encode_ports(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        // Two samples with the same labels would make Prometheus refuse all.
        let ports: BTreeMap<&str, &Port> = self.ports.iter().map(|port| (port.name.as_str(), port)).collect();
        let info = ports.values().map(|port| {
            let hook = port.hook.as_deref().unwrap_or("none");
            let bridge = port.bridge.as_deref().unwrap_or_default();
            (NONE, Info::new([("port", port.name.as_str()), ("kind", &port.kind), ("hook", hook), ("bridge", bridge)]))
        });
        family(encoder, "pxeguard_port", "A port, what it is, and where the guard is attached to it", None, info)?;
        let since = ports.values().filter_map(|port| {
            let since = port.guarded_since?.unix_seconds();
            Some(([("port", port.name.as_str())], ConstGauge::new(since)))
        });
        let help = "Since when a port is guarded, in seconds since 1970";
        family(encoder, "pxeguard_port_guarded_since_timestamp", help, Some(&Unit::Seconds), since)?;
        let unguarded = ConstGauge::new(ports.values().filter(|port| port.hook.is_none()).count() as i64);
        single(encoder, "pxeguard_unguarded_ports", "Ports that should be guarded and are not", &unguarded)?;
        let replies = ports.values().flat_map(|port| {
            let counts =
                [(Verdict::Pass, port.passed), (Verdict::Drop, port.dropped), (Verdict::WouldDrop, port.would_drop)];
            counts.map(|(verdict, count)| {
                ([("port", port.name.as_str()), ("verdict", verdict.name())], ConstCounter::new(count))
            })
        });
        family(encoder, "pxeguard_port_replies", "Replies that came in by a port, by verdict", None, replies)?;
        let messages = ports.values().flat_map(|port| {
            let ClientMessages { passed, cut, would_cut } = port.client_messages;
            [("passed", passed), ("cut", cut), ("would_cut", would_cut)].map(|(verdict, count)| {
                ([("port", port.name.as_str()), ("verdict", verdict)], ConstCounter::new(count))
            })
        });
        let help = "Messages of DHCP clients that came in by a port; what is cut exceeded the port's limit";
        family(encoder, "pxeguard_port_client_messages", help, None, messages)?;
        let unlisted = ports.values().map(|port| ([("port", port.name.as_str())], ConstCounter::new(port.unlisted)));
        let help = "Replies of servers that are not listed, because too many were seen at their port";
        family(encoder, "pxeguard_port_unlisted_replies", help, None, unlisted)
    }

    fn encode_servers(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let servers = labelled(&self.servers);
        let replies = servers.iter().flat_map(|((port, mac), replies)| {
            Verdict::ALL.into_iter().flat_map(move |verdict| {
                MessageType::ALL.into_iter().map(move |kind| {
                    let labels = [("port", *port), ("mac", mac), ("type", kind.name()), ("verdict", verdict.name())];
                    (labels, ConstCounter::new(replies[verdict as usize][kind as usize]))
                })
            })
        });
        let help = "Replies by server and message type; servers that are too many are summed up as other";
        family(encoder, "pxeguard_server_replies", help, None, replies)?;
        let mut last: BTreeMap<(&str, String), f64> = BTreeMap::new();
        for server in self.servers.iter().filter(|server| server.trusted) {
            let key = (server.port.as_str(), server.mac.to_string());
            let seen = last.entry(key).or_default();
            *seen = server.last_seen.unix_seconds().max(*seen);
        }
        // Those have labels of their own, whoever else there is: the ones that were seen first come first.
        let last = last.iter().filter(|(key, _)| servers.contains_key(*key));
        let last = last.map(|((port, mac), seen)| ([("port", *port), ("mac", mac.as_str())], ConstGauge::new(*seen)));
        let help = "When the last reply of a trusted server came, in seconds since 1970";
        family(encoder, "pxeguard_server_last_reply_timestamp", help, Some(&Unit::Seconds), last)
    }

    fn encode_alerts(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let open = self.alerts.iter().map(|count| ([("kind", count.kind.name())], ConstGauge::new(count.open as f64)));
        family(encoder, "pxeguard_alerts", "Alerts that are open, by kind", None, open)?;
        let opened = self.alerts.iter().map(|count| ([("kind", count.kind.name())], ConstCounter::new(count.opened)));
        family(encoder, "pxeguard_alerts_opened", "Alerts that were opened, by kind", None, opened)
    }
}

fn encode_boot(encoder: &mut DescriptorEncoder, counts: &BootCounts) -> fmt::Result {
    let requests = counts
        .requests
        .iter()
        .map(|((platform, kind), count)| ([("platform", *platform), ("kind", *kind)], ConstCounter::new(*count)));
    let help = "Questions of network boot clients by the platform of their architecture and what asks";
    family(encoder, "pxeguard_boot_requests", help, None, requests)?;
    let attempts =
        counts.attempts.iter().map(|(platform, count)| ([("platform", *platform)], ConstCounter::new(*count)));
    let help = "Attempts to boot that began with a question, by platform";
    family(encoder, "pxeguard_boot_attempts", help, None, attempts)?;
    let outcomes = counts.outcomes.iter().map(|((platform, outcome), count)| {
        ([("platform", *platform), ("outcome", *outcome)], ConstCounter::new(*count))
    });
    let help = "What became of attempts to boot: loaded a file, failed to, or was answered and did not come for it";
    family(encoder, "pxeguard_boot_outcomes", help, None, outcomes)?;
    let answers = counts.answers.iter().map(|(strategy, count)| ([("strategy", *strategy)], ConstCounter::new(*count)));
    family(encoder, "pxeguard_boot_answers", "Answers to network boot clients by strategy", None, answers)?;
    if let Some(kernel) = &counts.kernel {
        let by_message = [("offer", kernel.offers), ("ack", kernel.boot_server)];
        let answers = by_message.into_iter().map(|(message, count)| ([("message", message)], ConstCounter::new(count)));
        let help = "Answers to network boot clients that the kernel gave by itself";
        family(encoder, "pxeguard_boot_kernel_answers", help, None, answers)?;
        let help = "Answers of the kernel that could not be sent";
        single(encoder, "pxeguard_boot_kernel_failed_answers", help, &ConstCounter::new(kernel.failed))?;
        let help = "Answers of the kernel that the list of clients does not know of";
        single(encoder, "pxeguard_boot_kernel_untold_answers", help, &ConstCounter::new(kernel.untold))?;
    }
    let help = "Questions of network boot clients for which there was nothing to boot";
    single(encoder, "pxeguard_boot_refused", help, &ConstCounter::new(counts.refused))?;
    let transfers = counts.transfers.iter();
    let transfers =
        transfers.map(|((via, result), count)| ([("via", *via), ("result", *result)], ConstCounter::new(*count)));
    family(encoder, "pxeguard_boot_transfers", "Boot files asked for and no longer sent, by result", None, transfers)?;
    let active = counts.active.iter().map(|(via, count)| ([("via", *via)], ConstGauge::new(*count as f64)));
    family(encoder, "pxeguard_boot_active_transfers", "Boot files that are being sent", None, active)?;
    let bytes = counts.bytes.iter().map(|(via, count)| ([("via", *via)], ConstCounter::new(*count)));
    let help = "Bytes of boot files that have arrived";
    family(encoder, "pxeguard_boot_sent", help, Some(&Unit::Bytes), bytes)?;
    let help = "Datagrams of boot files that were sent again";
    single(encoder, "pxeguard_boot_resent_datagrams", help, &ConstCounter::new(counts.resent))
}

/// Writes a metric that has no labels.
fn single(encoder: &mut DescriptorEncoder, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// Writes a family of metrics: the description, then each sample by its labels.  None without samples.
fn family<'a, M: EncodeMetric, const N: usize>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    samples: impl IntoIterator<Item = ([(&'static str, &'a str); N], M)>,
) -> fmt::Result {
    let mut samples = samples.into_iter().peekable();
    let Some((_, metric)) = samples.peek() else {
        return Ok(());
    };
    let mut family = encoder.encode_descriptor(name, help, unit, metric.metric_type())?;
    samples.try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
}

type Replies = [[u64; MessageType::ALL.len()]; Verdict::ALL.len()];

/// Sums up by port and MAC address, and what is beyond [`MAX_LABELLED_SERVERS`] as one per port.
///
/// Trusted servers come first, then those that were seen first: whoever invents addresses displaces nobody, and makes
/// no new labels from one scrape to the next, nor does the sum of the others ever fall.
fn labelled(rows: &[ServerReplies]) -> BTreeMap<(&str, String), Replies> {
    let mut servers: BTreeMap<_, (_, Replies)> = BTreeMap::new();
    for row in rows {
        let rank = (!row.trusted, row.first_seen_ns);
        let (first, sum) = servers.entry((row.port.as_str(), row.mac)).or_insert((rank, Replies::default()));
        *first = rank.min(*first);
        add(sum, &row.replies);
    }
    let mut ranked: Vec<_> = servers.into_iter().map(|((port, mac), (rank, sum))| (rank, port, mac, sum)).collect();
    ranked.sort_unstable();
    let mut labelled = BTreeMap::new();
    for (place, (_, port, mac, replies)) in ranked.into_iter().enumerate() {
        let label = if place < MAX_LABELLED_SERVERS { mac.to_string() } else { OTHER.to_owned() };
        add(labelled.entry((port, label)).or_default(), &replies);
    }
    labelled
}

fn add(sum: &mut Replies, more: &Replies) {
    for (sum, more) in sum.as_flattened_mut().iter_mut().zip(more.as_flattened()) {
        *sum += more;
    }
}
