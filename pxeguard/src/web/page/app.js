// The page.  It is told of everything by one stream of events, keeps the rows, and redraws those that have changed.
// Whatever came over the wire is put in place as text, never as HTML.

const $ = (id) => document.getElementById(id);
const TOKEN = "pxeguard-token";
const HISTORY_MS = 600_000;
/** Rows of a table that are drawn; the rest is counted. */
const MAX_DRAWN = 500;

const state = { at: null, status: null, leftOut: { servers: 0, clients: 0 }, samples: [], trusts: [] };
const rows = { servers: new Map(), ports: new Map(), clients: new Map(), alerts: new Map() };

/** An element with its attributes, texts and children. */
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Writes a text where it is not there yet: nothing moves, and a selection stays. */
function write(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

const count = (number) => (number ?? 0).toLocaleString("en");
const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many ?? one + "s"}`;
const time = (text) => new Date(text);
const clock = (text) => time(text).toLocaleTimeString("en-GB");

/** How long ago, by the daemon's clock. */
function ago(text) {
  const seconds = Math.max(0, Math.round((time(state.at) - time(text)) / 1000));
  if (seconds < 2) return "now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} d ago`;
}

function size(bytes) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (bytes >= unit * 0.99995) return `${(bytes / unit).toFixed(1)} ${name}`;
  }
  return `${bytes} B`;
}

// ---- what is drawn

function draw() {
  drawTiles();
  drawAlerts();
  drawTable("server", sorted(rows.servers, byStanding), serverCells, "No DHCP or PXE server’s reply has come in yet.");
  drawTable("client", sorted(rows.clients, byLastHeard), clientCells, "No machine has asked to boot yet.");
  drawTable("port", sorted(rows.ports, byName), portCells, "None of the interfaces to guard is there, or the bridge has no ports.");
  drawPlot();
}

const sorted = (map, compare) => [...map].sort(([, a], [, b]) => compare(a, b));
const byName = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true });
const byStanding = (a, b) => a.trusted - b.trusted || a.port.localeCompare(b.port, "en", { numeric: true }) || (a.first_seen < b.first_seen ? -1 : 1);
/** In order of coming, so that no row moves away under the pointer while many machines boot. */
const byLastHeard = (a, b) => rank(a) - rank(b) || (a.first_seen < b.first_seen ? 1 : -1);
const rank = (client) => ({ failed: 0, refused: 0, silent: 0, loading: 1, asked: 1, offered: 1, loaded: 2, idle: 3 })[client.state] ?? 2;

function drawTiles() {
  const status = state.status;
  const enforcing = status.mode === "enforce";
  write("tile-mode", enforcing ? "Enforcing" : "Observing");
  write("tile-mode-sub", enforcing ? "others are dropped" : "nothing is dropped");
  const unguarded = [...rows.ports.values()].filter((port) => !port.hook).length;
  write("tile-ports", count(status.ports));
  write("tile-ports-sub", unguarded ? `${plural(unguarded, "port")} not guarded` : status.ifaces.join(", "));
  const trusted = [...rows.servers.values()].filter((server) => server.trusted).length;
  write("tile-servers", count(status.servers));
  write("tile-servers-sub", `${count(trusted)} trusted, ${count(status.servers - trusted)} not`);
  const total = (verdict) => Object.values(status.totals[verdict] ?? {}).reduce((sum, one) => sum + one, 0);
  write("tile-dropped", count(enforcing ? total("dropped") : total("would_drop")));
  write("tile-dropped-sub", enforcing ? `${count(total("passed"))} passed` : "would be dropped");
  const booting = [...rows.clients.values()].filter((client) => rank(client) === 1).length;
  write("tile-clients", count(booting));
  write("tile-clients-sub", `${count(rows.clients.size + state.leftOut.clients)} known`);
  const open = [...rows.alerts.values()].filter((alert) => !alert.closed).length;
  write("tile-alerts", count(open));
  write("tile-alerts-sub", open ? "see below" : "all is well");
  $("tile-alerts-box").classList.toggle("bad", open > 0);
  document.title = open ? `(${open}) pxeguard` : "pxeguard";
  replace($("problems"), status.problems.map((problem) => [problem, problem, () => [problem]]), "li");
  write("foot", `pxeguard ${status.version}, running since ${time(status.since).toLocaleString("en-GB")}`);
}

function drawAlerts() {
  const alerts = [...rows.alerts.values()].sort((a, b) => Boolean(a.closed) - Boolean(b.closed) || b.id - a.id);
  const open = alerts.filter((alert) => !alert.closed).length;
  write("alerts-count", alerts.length ? `${count(open)} open, ${count(alerts.length - open)} closed` : "");
  const items = alerts.slice(0, MAX_DRAWN).map((alert) => {
    const when = alert.closed ? `closed ${ago(alert.closed)}` : `since ${ago(alert.opened)}`;
    return [String(alert.id), JSON.stringify([alert, when]), () => [
      el("div", { class: "title" }, el("span", {}, alert.kind.replaceAll("_", " ")), el("span", { class: "mono" }, alert.subject), el("span", { class: "when" }, when)),
      el("p", {}, alert.message),
      el("p", { class: "next" }, alert.next),
    ], alert.closed ? "closed" : null];
  });
  if (!items.length) items.push(["none", "none", () => ["No alert is open, and none was since the start."], "none"]);
  replace($("alert-list"), items, "li");
}

function drawTable(name, entries, cells, nothing) {
  const leftOut = state.leftOut[`${name}s`] ?? 0;
  const hidden = leftOut + Math.max(0, entries.length - MAX_DRAWN);
  write(`${name}s-count`, `${count(entries.length + leftOut)}${hidden ? `, ${count(hidden)} not shown` : ""}`);
  const heads = [...$(`${name}-rows`).parentElement.tHead.rows[0].cells].map((cell) => cell.textContent);
  const items = entries.slice(0, MAX_DRAWN).map(([key, row]) => {
    const made = cells(row, key);
    return [key, made.version, () => made.cells().map((cell, at) => (cell.dataset.head = heads[at], cell))];
  });
  if (!items.length) items.push(["none", nothing, () => [el("td", { class: "none", colspan: heads.length }, nothing)]]);
  replace($(`${name}-rows`), items, "tr");
}

/** Makes the children of `parent` those of `items` (key, version, content, class): only what differs is made anew. */
function replace(parent, items, tag) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const [key, version, content, kind] of items) {
    let child = before.get(key);
    before.delete(key);
    if (!child) child = el(tag, { "data-key": key });
    if (child.version !== version) {
      const focused = child.contains(document.activeElement) ? document.activeElement.dataset.act : null;
      child.replaceChildren(...content());
      child.className = kind ?? "";
      child.version = version;
      if (focused) child.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of before.values()) child.remove();
}

const cell = (kind, ...children) => el("td", { class: kind || null }, el("div", {}, ...children));
const sub = (text) => (text ? el("span", { class: "sub" }, text) : null);
const pill = (kind, text) => el("span", { class: `pill ${kind}` }, text);

function standing(server) {
  if (server.trusted) return pill("good", server.class === "pxe" ? "trusted for PXE" : "trusted");
  if (server.reason === "spoof") return pill("bad", "spoof");
  return state.status.mode === "enforce" ? pill("bad", "blocked") : pill("warn", "not trusted");
}

function serverCells(server, key) {
  const last = ago(server.last_seen);
  const trust = trustOf(server);
  const version = JSON.stringify([{ ...server, last_seen: last }, state.status.mode, trust, sourceOf(server), isUnlocked()]);
  const cells = () => [
    cell("", el("span", { class: "mono" }, server.mac), sub(`${server.ip}${server.vlan ? `, VLAN ${server.vlan}` : ""}`)),
    cell("", server.port, sub(server.guest)),
    cell("", standing(server), sub(server.pxe ? `answers PXE: ${count(server.pxe)}` : null)),
    cell("num", count(server.passed)),
    cell("num", count(server.dropped), sub(server.would_drop ? `${count(server.would_drop)} would be` : null)),
    cell("", last),
    action(server, trust, key),
  ];
  return { version, cells };
}

/** Whoever is trusted by a trust of its own can be blocked by taking that away; who is not, can be trusted. */
function action(server, trust, key) {
  if (server.trusted && !trust) return cell("act", sub(`by ${SOURCES[sourceOf(server)]}`));
  const label = server.trusted ? "Block" : "Trust";
  const button = el("button", { type: "button", class: server.trusted ? "danger" : "quiet", "data-act": `${label} ${key}`, "aria-label": `${label} ${server.mac} at ${server.port}` }, label);
  if (!isUnlocked()) button.title = "takes the token: unlock changes first";
  button.addEventListener("click", () => changeTrust(server, trust));
  return cell("act", button);
}

const SOURCES = { flag: "an option of pxeguard run", config: "the configuration file", port: "another trust" };

/** Where a trust is said that cannot be taken back here. */
function sourceOf(server) {
  const mine = state.trusts.find((entry) => entry.source !== "state" && entry.trust.startsWith(server.mac));
  return mine?.source ?? "port";
}

/** The trust that was added at run time for this very server; others stand in flags or the configuration. */
function trustOf(server) {
  const vlan = `,vlan=${server.vlan || "untagged"}`;
  const own = [`${server.mac}@${server.port}`, server.mac, `${server.mac}@*`];
  const written = own.flatMap((place) => [place, place + vlan]).flatMap((place) => [place, `${place},pxe`]);
  return state.trusts.find((entry) => entry.source === "state" && written.includes(entry.trust))?.trust ?? null;
}

const STATES = { asked: ["", "asked"], refused: ["bad", "refused"], offered: ["", "offered"], silent: ["bad", "silent"], loading: ["", "loading"], loaded: ["good", "loaded"], failed: ["bad", "failed"], idle: ["good", "idle"] };

function clientCells(client) {
  const last = ago(client.last_seen);
  const name = client.mac ?? client.ip;
  const version = JSON.stringify([{ ...client, last_seen: last }]);
  const cells = () => {
    const [kind, word] = STATES[client.state] ?? ["", client.state];
    const bar = client.len ? el("progress", { max: client.len, value: client.bytes ?? 0, "aria-label": `${client.file} at ${name}` }) : null;
    const progress = client.len ? sub(`${size(client.bytes ?? 0)} of ${size(client.len)}${client.rate ? `, ${size(client.rate)}/s` : ""}`) : null;
    const explain = client.mac ? el("button", { type: "button", class: "quiet", "data-act": "explain", "aria-label": `Explain ${client.mac}` }, "Explain") : null;
    explain?.addEventListener("click", () => openExplanation(client.mac));
    return [
      cell("", el("span", { class: "mono" }, name), sub(client.mac ? client.ip : null), sub(client.guest)),
      cell("", client.arch ?? "–", sub([client.kind, client.iface, client.vlan ? `VLAN ${client.vlan}` : null].filter(Boolean).join(", "))),
      cell("", pill(kind, word), sub(client.explanation)),
      cell("", client.file ?? "–", bar, progress),
      cell("", last),
      cell("act", explain),
    ];
  };
  return { version, cells };
}

function portCells(port) {
  const version = JSON.stringify([port, port.guarded_since ? ago(port.guarded_since) : null]);
  const cells = () => [
    cell("", port.name, sub(port.guest), sub(port.bridge ? `of ${port.bridge}` : null)),
    cell("", port.kind, sub(port.driver)),
    cell("", port.hook ? pill("good", port.hook) : pill("bad", "not guarded"), sub(port.guarded_since ? `since ${ago(port.guarded_since)}` : null)),
    cell("num", count(port.passed)),
    cell("num", count(port.dropped), sub(port.would_drop ? `${count(port.would_drop)} would be` : null)),
    cell("num", count(port.client_messages.cut)),
    cell("", el("span", { class: "sub" }, port.reason)),
  ];
  return { version, cells };
}

// ---- the plot: replies a second, by verdict

const VERDICTS = [["dropped", "dropped"], ["would_drop", "would"], ["passed", "passed"]];
const BUCKETS = 120;
const WIDTH = 800, HEIGHT = 120, TOP = 16;
/** How far back the plot goes, in minutes: no further than there is something to show. */
const SPANS = [1, 2, 5, 10];

function takeSample() {
  const total = (verdict) => Object.values(state.status.totals[verdict] ?? {}).reduce((sum, one) => sum + one, 0);
  const sample = { at: state.at, passed: total("passed"), dropped: total("dropped"), would_drop: total("would_drop") };
  const last = state.samples.at(-1);
  if (last && time(sample.at) - time(last.at) < 900) return;
  state.samples.push(sample);
  while (time(sample.at) - time(state.samples[0].at) > HISTORY_MS + 20_000) state.samples.shift();
}

/** Spreads what was counted between two samples over the time between them. */
function rates(verdict, span) {
  const end = time(state.at).getTime(), begin = end - span, width = span / BUCKETS;
  const counts = new Array(BUCKETS).fill(0);
  for (let at = 1; at < state.samples.length; at++) {
    const [before, after] = [state.samples[at - 1], state.samples[at]];
    const [from, to] = [time(before.at).getTime(), time(after.at).getTime()];
    const more = after[verdict] - before[verdict];
    if (more <= 0 || to <= from) continue;
    for (let moment = from; moment < to; ) {
      const bucket = Math.floor((moment - begin) / width);
      const until = bucket < 0 ? Math.min(to, begin) : Math.min(to, begin + (bucket + 1) * width);
      if (until <= moment) break;
      if (bucket >= 0 && bucket < BUCKETS) counts[bucket] += (more * (until - moment)) / (to - from);
      moment = until;
    }
  }
  return counts.map((replies) => replies / (width / 1000));
}

function drawPlot() {
  const age = (time(state.at) - time(state.samples[0]?.at ?? state.at)) / 60_000;
  const minutes = SPANS.find((span) => age <= span) ?? SPANS.at(-1);
  write("axis-begin", `${minutes} min ago`);
  write("axis-middle", minutes > 1 ? `${minutes / 2} min` : "30 s");
  const series = VERDICTS.map(([verdict]) => rates(verdict, minutes * 60_000));
  const highest = Math.max(...series[0].map((_, at) => series.reduce((sum, one) => sum + one[at], 0)));
  const top = Math.max(highest, 1);
  const base = new Array(BUCKETS).fill(0);
  const svg = (name, attributes) => {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    return shape;
  };
  const y = (rate) => HEIGHT - (rate / top) * (HEIGHT - TOP);
  const shapes = [0, 0.5, 1].map((part) => svg("line", { x1: 0, x2: WIDTH, y1: y(top * part), y2: y(top * part) }));
  VERDICTS.forEach(([, kind], index) => {
    let path = "";
    series[index].forEach((rate, at) => {
      if (rate > 0) {
        const x = (at * WIDTH) / BUCKETS, low = y(base[at]), high = Math.min(y(base[at] + rate), low - 1);
        path += `M${x.toFixed(1)} ${low.toFixed(1)}V${high.toFixed(1)}h${(WIDTH / BUCKETS - 1).toFixed(1)}V${low.toFixed(1)}z`;
        base[at] += rate;
      }
    });
    shapes.push(svg("path", { class: kind, d: path }));
  });
  const plot = $("plot");
  plot.replaceChildren(plot.querySelector("desc"), ...shapes);
  const peak = highest > 0 ? `${top < 10 ? top.toFixed(1) : count(Math.round(top))} a second` : "no replies";
  write("plot-peak", peak);
  write("plot-desc", `Highest: ${peak}.`);
}

// ---- the stream

let drawing = false;
let heard = 0;

/** Takes over an event; it is drawn with the next frame, and not at all while nobody can see it. */
function take(change, isWhole) {
  heard = performance.now();
  state.at = change.at;
  if (change.status) state.status = change.status;
  if (change.left_out) state.leftOut = change.left_out;
  // Somebody else has changed who is trusted.
  let isStale = false;
  for (const [kind, map] of Object.entries(rows)) {
    if (isWhole) map.clear();
    for (const [key, row] of Object.entries(change[kind]?.set ?? {})) {
      if (kind === "servers" && row.trusted !== (map.get(key)?.trusted ?? false)) isStale = true;
      map.set(key, row);
    }
    for (const key of change[kind]?.gone ?? []) map.delete(key);
  }
  takeSample();
  if (isStale && !isWhole) loadTrusts();
  if (!drawing) {
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      draw();
    });
  }
}

function linked(kind, text) {
  $("link").className = `link ${kind}`;
  write("link-text", text);
}

async function listen() {
  await loadHistory();
  const stream = new EventSource("api/v1/events");
  stream.addEventListener("overview", (event) => {
    linked("live", "live");
    take(JSON.parse(event.data), true);
    loadTrusts();
  });
  stream.addEventListener("change", (event) => take(JSON.parse(event.data), false));
  stream.addEventListener("error", () => {
    linked("lost", "connection lost");
    // A browser does not ask again by itself where the answer was a refusal.
    if (stream.readyState === EventSource.CLOSED) {
      stream.close();
      setTimeout(listen, 3000);
    }
  });
}

setInterval(() => {
  if (heard && performance.now() - heard > 3000) linked("lost", "no news for some seconds");
  else if (heard && $("link").classList.contains("lost") && performance.now() - heard < 1000) linked("live", "live");
}, 1000);

async function loadHistory() {
  try {
    const answer = await fetch("api/v1/history");
    if (answer.ok) state.samples = await answer.json();
  } catch {
    // The stream says that the daemon is not there.
  }
}

async function loadTrusts() {
  try {
    const answer = await fetch("api/v1/trusts");
    if (answer.ok) state.trusts = await answer.json();
    if (state.status) draw();
  } catch {
    // As above.
  }
}

// ---- changes

const isUnlocked = () => Boolean(sessionStorage.getItem(TOKEN));
const authorized = () => ({ Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` });

function showLock() {
  write("unlock", isUnlocked() ? "Lock changes" : "Unlock changes");
  if (state.status) draw();
}

function lock() {
  sessionStorage.removeItem(TOKEN);
  showLock();
}

$("unlock").addEventListener("click", () => (isUnlocked() ? lock() : askForToken("")));

function askForToken(why) {
  write("token-wrong", why);
  $("token-field").value = "";
  $("token").showModal();
}

$("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, $("token-field").value.trim());
  try {
    const answer = await fetch("api/v1/token", { headers: authorized() });
    if (answer.ok) {
      $("token").close();
      return showLock();
    }
    write("token-wrong", (await answer.json()).error);
  } catch {
    write("token-wrong", "the daemon does not answer");
  }
  lock();
});

async function changeTrust(server, trust) {
  if (!isUnlocked()) return askForToken("");
  const wanted = trust ?? `${server.mac}@${server.port}${server.vlan ? `,vlan=${server.vlan}` : ""}`;
  const [verb, effect] = server.trusted
    ? ["Block", "Its trust is removed: its replies are dropped from then on, where the mode is to enforce."]
    : ["Trust", "It may give addresses and answer PXE clients behind this port. Is it yours?"];
  if (!(await confirmed(`${verb} ${server.mac} at ${server.port}?`, `${effect} The trust is ${wanted}.`, verb))) return;
  try {
    const answer = await fetch("api/v1/trusts", {
      method: server.trusted ? "DELETE" : "POST",
      headers: { ...authorized(), "Content-Type": "application/json" },
      body: JSON.stringify({ trust: wanted }),
    });
    const said = await answer.json();
    if (answer.status === 401) {
      lock();
      return askForToken(said.error);
    }
    notice(answer.ok ? said.done : said.error);
  } catch {
    notice("the daemon does not answer");
  }
  await loadTrusts();
}

function notice(text) {
  write("notice", text);
  $("notice").hidden = !text;
}

/** Asks in a dialog; whether the answer was yes. */
function confirmed(title, text, verb) {
  write("confirm-title", title);
  write("confirm-text", text);
  write("confirm-yes", verb);
  const dialog = $("confirm");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

$("confirm-yes").addEventListener("click", () => $("confirm").close("yes"));
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close(""));

// ---- explanations

let explained = null;

async function openExplanation(mac, screen = "") {
  explained = mac;
  write("explain-title", `Client ${mac}`);
  if (!$("explain").open) $("explain").showModal();
  let parts;
  try {
    const query = screen ? `?screen=${encodeURIComponent(screen)}` : "";
    const answer = await fetch(`api/v1/clients/${encodeURIComponent(mac)}/explain${query}`);
    const told = await answer.json();
    parts = answer.ok ? explanation(told, screen) : [el("p", { class: "wrong" }, told.error)];
  } catch {
    parts = [el("p", { class: "wrong" }, "the daemon does not answer")];
  }
  if (explained === mac) $("explain-body").replaceChildren(...parts);
}

function explanation(told, screen) {
  const field = el("input", { id: "screen", value: screen, placeholder: "PXE-E53", maxlength: 100, autocomplete: "off" });
  const form = el("form", {}, el("label", { for: "screen" }, "Message on its screen"), field, el("button", { type: "submit", class: "quiet" }, "Look up"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    openExplanation(told.mac, field.value.trim());
  });
  const parts = [el("p", { class: "verdict" }, told.verdict || "Nothing is known of it yet.")];
  for (const cause of told.causes) {
    parts.push(el("div", { class: `cause ${cause.likelihood}` },
      el("p", {}, el("span", { class: "title" }, cause.what), pill(cause.likelihood === "certain" ? "bad" : "warn", cause.likelihood)),
      cause.evidence.length ? el("ul", {}, ...cause.evidence.map((line) => el("li", {}, line))) : null,
      el("p", {}, el("strong", {}, "Next: "), cause.next)));
  }
  // iPXE's messages have no code.
  const message = [told.screen?.code, told.screen?.text].filter((words, at, all) => words && all.indexOf(words) === at).join(": ");
  if (told.screen) parts.push(el("h3", {}, message), el("p", { class: "next" }, `${told.screen.by}. ${told.screen.means}`));
  for (const attempt of told.attempts) {
    parts.push(el("h3", {}, `Boot at ${time(attempt.began).toLocaleString("en-GB")}`), el("ol", { class: "steps" }, ...attempt.steps.map(step)));
    if (attempt.left_out) parts.push(el("p", { class: "next" }, `${plural(attempt.left_out, "step")} left out.`));
  }
  parts.push(form);
  return parts;
}

function step(one) {
  return el("li", { class: one.is_trouble ? "trouble" : null },
    el("time", { class: "mono", datetime: one.at }, clock(one.at)), el("span", { class: "who mono" }, one.who),
    el("span", { class: "what" }, one.times > 1 ? `${one.what} (${count(one.times)} times)` : one.what));
}

$("explain").addEventListener("close", () => {
  explained = null;
  $("explain-body").replaceChildren();
});

showLock();
listen();
