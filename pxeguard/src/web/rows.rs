//! What is shown, row by row, and what changes of it.

use std::collections::BTreeMap;
use std::iter;

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{Alert, BootClient, Overview, Port, Server, Status};
use crate::time::Timestamp;

/// Rows of one kind that are shown: more than anybody reads, and what an attacker can make of them.
pub(super) const MAX_ROWS: usize = 1000;

/// Servers and clients that are known, and not shown because they are too many.
#[derive(Clone, Copy, Debug, Default, Eq, JsonSchema, PartialEq, Serialize)]
pub(super) struct LeftOut {
    /// Servers.
    pub(super) servers: usize,
    /// Clients.
    pub(super) clients: usize,
}

/// Leaves out what is too much: of the servers those who are not trusted and came last, so that whoever invents some
/// displaces none; of the clients those not heard of for longest.
pub(super) fn limit(overview: &mut Overview) -> LeftOut {
    let left_out = LeftOut {
        servers: overview.servers.len().saturating_sub(MAX_ROWS),
        clients: overview.clients.len().saturating_sub(MAX_ROWS),
    };
    if left_out.servers > 0 {
        overview.servers.sort_by_key(|server| (!server.trusted, server.first_seen));
        overview.servers.truncate(MAX_ROWS);
    }
    overview.clients.truncate(MAX_ROWS);
    left_out
}

/// All that is shown at one moment.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    at: Timestamp,
    status: Status,
    servers: BTreeMap<String, Server>,
    ports: BTreeMap<String, Port>,
    clients: BTreeMap<String, BootClient>,
    alerts: BTreeMap<String, Alert>,
    left_out: LeftOut,
}

/// What has changed since the event before; everything, in the event `overview`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct Change {
    /// When.
    at: Timestamp,
    /// The daemon as a whole; left out where it is as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    /// The servers.
    #[serde(skip_serializing_if = "Rows::is_empty")]
    servers: Rows<Server>,
    /// The guarded ports.
    #[serde(skip_serializing_if = "Rows::is_empty")]
    ports: Rows<Port>,
    /// The machines that boot, without their attempts.
    #[serde(skip_serializing_if = "Rows::is_empty")]
    clients: Rows<BootClient>,
    /// The alerts.
    #[serde(skip_serializing_if = "Rows::is_empty")]
    alerts: Rows<Alert>,
    /// What is not shown; left out where it is as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOut>,
}

/// Rows that have changed, each under a key that stays its own.
#[derive(Clone, Debug, JsonSchema, Serialize)]
struct Rows<T> {
    /// Those that are new, or not as before.
    set: BTreeMap<String, T>,
    /// Keys of those that are not there any more.
    gone: Vec<String>,
}

impl<T> Rows<T> {
    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty()
    }
}

impl<T: Clone + PartialEq> Rows<T> {
    fn since(before: Option<&BTreeMap<String, T>>, now: &BTreeMap<String, T>) -> Self {
        let as_before = |key: &String, row: &T| before.is_some_and(|before| before.get(key) == Some(row));
        let set = now.iter().filter(|(key, row)| !as_before(key, row)).map(|(key, row)| (key.clone(), row.clone()));
        let gone = before.into_iter().flat_map(BTreeMap::keys).filter(|key| !now.contains_key(*key));
        Self { set: set.collect(), gone: gone.cloned().collect() }
    }
}

impl Shown {
    pub(super) fn new(mut overview: Overview) -> Self {
        let left_out = limit(&mut overview);
        let Overview { at, status, servers, ports, clients, alerts } = overview;
        Self {
            at,
            status,
            servers: keyed(by_age(servers), |server| {
                let Server { port, mac, vlan, ip, server_id, .. } = server;
                let [vlan, server_id] = [vlan.map(|vlan| vlan.to_string()), server_id.map(|id| id.to_string())];
                format!("{mac}@{port},{},{ip},{}", vlan.unwrap_or_default(), server_id.unwrap_or_default())
            }),
            ports: keyed(ports, |port| port.ifindex.to_string()),
            clients: keyed(clients, |client| match (client.mac, client.ip) {
                (Some(mac), _) => mac.to_string(),
                (None, ip) => ip.map(|ip| ip.to_string()).unwrap_or_default(),
            }),
            alerts: keyed(alerts, |alert| alert.id.to_string()),
            left_out,
        }
    }

    /// What has changed since `before`; all of it, where there is none.
    pub(super) fn since(&self, before: Option<&Self>) -> Change {
        Change {
            at: self.at,
            status: before.is_none_or(|before| before.status != self.status).then(|| self.status.clone()),
            servers: Rows::since(before.map(|before| &before.servers), &self.servers),
            ports: Rows::since(before.map(|before| &before.ports), &self.ports),
            clients: Rows::since(before.map(|before| &before.clients), &self.clients),
            alerts: Rows::since(before.map(|before| &before.alerts), &self.alerts),
            left_out: before.is_none_or(|before| before.left_out != self.left_out).then_some(self.left_out),
        }
    }
}

/// A port that comes back under its name is another one, and a server there has another row: the older keeps its key.
fn by_age(mut servers: Vec<Server>) -> Vec<Server> {
    servers.sort_by_key(|server| server.first_seen);
    servers
}

/// Those whose keys are the same are numbered.
fn keyed<T>(rows: Vec<T>, key: impl Fn(&T) -> String) -> BTreeMap<String, T> {
    let mut keyed = BTreeMap::new();
    for row in rows {
        let plain = key(&row);
        let numbered = (2..).map(|number| format!("{plain},{number}"));
        let free = iter::once(plain.clone()).chain(numbered).find(|key| !keyed.contains_key(key));
        keyed.insert(free.expect("there is always one more number"), row);
    }
    keyed
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::web::tests::sample;

    fn change(before: &Overview, now: &Overview) -> Value {
        let before = Shown::new(before.clone());
        serde_json::to_value(Shown::new(now.clone()).since(Some(&before))).unwrap()
    }

    #[test]
    fn rows_of_a_port_that_came_back_are_two() {
        let (older, mut newer) = (sample::overview(), sample::overview());
        let mut server = newer.servers.remove(0);
        server.passed += 1;
        let mut both = older.clone();
        both.servers.insert(0, server);
        assert_eq!(Shown::new(both).servers.len(), older.servers.len() + 1);
    }

    #[test]
    fn what_stays_is_not_said_again() {
        let overview = sample::overview();
        assert_eq!(change(&overview, &overview), json!({ "at": overview.at }));
    }

    #[test]
    fn what_is_new_changed_or_gone_is_said_and_nothing_else() {
        let before = sample::overview();
        let mut now = before.clone();
        now.servers[1].dropped += 1;
        now.clients.remove(0);
        now.alerts.push(Alert { id: 9, ..now.alerts[0].clone() });
        let change = change(&before, &now);
        let names: Vec<_> = change.as_object().unwrap().keys().collect();
        assert_eq!(names, ["alerts", "at", "clients", "servers"]);
        let keys = |rows: &Value| rows["set"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&change["servers"]), ["02:00:00:00:00:66@tap1,,10.0.0.102,10.0.0.102"]);
        assert_eq!(change["clients"], json!({ "set": {}, "gone": ["52:54:00:12:34:56"] }));
        assert_eq!(keys(&change["alerts"]), ["9"]);
    }

    #[test]
    fn the_whole_of_it_is_a_change_since_nothing() {
        let whole = serde_json::to_value(Shown::new(sample::overview()).since(None)).unwrap();
        for name in ["at", "status", "servers", "ports", "clients", "alerts", "left_out"] {
            assert!(!whole[name].is_null(), "{name}");
        }
    }

    #[test]
    fn whoever_invents_servers_displaces_none() {
        let mut overview = sample::overview();
        let known = overview.servers.clone();
        for number in 0..2 * MAX_ROWS {
            let mut invented = known[1].clone();
            invented.ip = std::net::Ipv4Addr::from_bits(number as u32);
            invented.first_seen = Timestamp::now();
            overview.servers.insert(0, invented);
        }
        let left_out = limit(&mut overview);
        assert_eq!((left_out.servers, overview.servers.len()), (MAX_ROWS + 2, MAX_ROWS));
        assert_eq!(overview.servers[..2], known);
    }
}
