// The rider's own stations: favourites, those that were opened last, and the nearest.
// They are kept on this device. Nothing is sent but requests for pages, and the place of
// the device not at all. The page's script loads this file where it is of use, and hands
// over what both need. The server puts a line of words in front of it.
const most = { favourites: 6, recent: 3, nearest: 3 };
const reach = 3000; // metres, within which a station is near
const pace = 80, detour = 1.3; // metres a minute on foot, and how much longer ways are than straight lines

export function start({ byId, root, patch, keepFocus, now }) {
	const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? nouns[key] ?? "");
	const home = new URL(root || "./", location.href);
	const place = "ctalive " + home.pathname;
	let own, html = "";
	// Another tab, or a page that the reader comes back from, may have changed the lists.
	function look() {
		own = { favourites: [], recent: [] };
		try {
			const kept = JSON.parse(localStorage.getItem(place)) ?? {};
			for (const list in own) if (Array.isArray(kept[list])) own[list] = kept[list].filter(Number.isInteger);
		} catch { /* nothing is kept */ }
	}
	const keep = (key, value) => { try { localStorage.setItem(key, value); return true; } catch { return false; } }; // no room
	const keepOwn = () => keep(place, JSON.stringify(own));
	look();
	try { html = localStorage.getItem(place + " html") ?? ""; } catch { /* nothing is kept */ }

	const star = byId("star");
	if (star) {
		const id = Number(star.value), says = byId("star-says");
		own.recent = [id, ...own.recent.filter((other) => other !== id)].slice(0, most.favourites + most.recent);
		keepOwn();
		const show = () => star.setAttribute("aria-pressed", own.favourites.includes(id));
		star.addEventListener("click", () => {
			look();
			says.textContent = "";
			if (own.favourites.includes(id)) own.favourites = own.favourites.filter((other) => other !== id);
			else if (own.favourites.length < most.favourites) own.favourites.push(id);
			else says.textContent = say("favourites-full", { n: most.favourites });
			if (!keepOwn()) {
				says.textContent = say("not-kept");
				look();
			}
			show();
		});
		show();
		star.hidden = false;
	}

	// What a station's page shows is chosen without loading it anew. The server keeps it.
	byId("choices")?.addEventListener("click", (e) => {
		const a = e.target.closest("a");
		if (!a || e.button || e.ctrlKey || e.metaKey || e.shiftKey || document.body.className === "lost") return;
		e.preventDefault();
		history.replaceState(null, "", a.href);
		now();
	});

	// The cards, in groups: a station is in the first that has it.
	const cards = byId("cards"), near = byId("near");
	let nearest = []; // with minutes on foot
	function groups() {
		const there = new Set();
		const group = (name, ids) => [name, ids.filter((id) => !there.has(id)).slice(0, most[name]).map((id) => (there.add(id), id))];
		return [group("nearest", nearest.map((s) => s.id)), group("favourites", own.favourites), group("recent", own.recent)];
	}
	const ids = () => groups().flatMap(([, ids]) => ids);
	function draw(html, old) {
		const from = new DOMParser().parseFromString(html, "text/html"), to = cards.cloneNode();
		for (const [name, ids] of groups()) {
			const list = ids.map((id) => from.querySelector(`[data-key="${id}"]`) ?? (name === "favourites" && !old ? gone(id) : null)).filter(Boolean);
			if (!list.length) continue;
			to.append(Object.assign(document.createElement("h2"), { textContent: say(name) + (old ? " · " + say("kept", { time: list[0].dataset.asOf }) : "") }), ...list);
			for (const card of list) {
				const s = nearest.find((s) => String(s.id) === card.dataset.key);
				if (s) card.querySelector("h3").append(" ", Object.assign(document.createElement("span"), { className: "note", textContent: say("on-foot", { n: s.minutes }) }));
			}
		}
		keepFocus(() => patch(cards, to));
	}

	// A favourite that the server no longer has: its own page is gone too.
	function gone(id) {
		const card = Object.assign(document.createElement("section"), { className: "stop-card" });
		card.dataset.key = id;
		card.append(say("gone", { n: id }), " ", Object.assign(document.createElement("button"), { type: "button", value: id, textContent: say("remove") }));
		return card;
	}
	cards?.addEventListener("click", (e) => {
		const id = e.target.closest("button")?.value;
		if (!id) return;
		look();
		own.favourites = own.favourites.filter((other) => String(other) !== id);
		keepOwn();
		draw(html, false);
	});

	let fetched = -Infinity, next = 0, asked = 0;
	async function refresh() {
		next = 0;
		fetched = performance.now();
		look();
		const wanted = ids(), question = ++asked;
		if (!wanted.length) return;
		try {
			const r = await fetch(`${root}departures?part&station=${wanted.join("&station=")}`, { signal: AbortSignal.timeout(10000) });
			if (!r.ok) throw new Error(String(r.status));
			const answer = await r.text();
			if (question !== asked) return; // there is a newer one
			html = answer;
			keep(place + " html", html);
			draw(html, false);
		} catch {
			draw(html, true);
		}
	}
	const soon = () => { if (cards) next ||= setTimeout(refresh, fetched + 2000 - performance.now()); };

	async function locate() {
		const says = byId("near-says");
		says.textContent = say("near-wait");
		try {
			const { coords } = await new Promise((done, fail) => navigator.geolocation.getCurrentPosition(done, fail, { timeout: 20000 }));
			const r = await fetch(root + "api/v1/stations", { signal: AbortSignal.timeout(10000) }).catch(() => null);
			if (!r?.ok) {
				says.textContent = say("no-network");
				return;
			}
			const { stations } = await r.json();
			const far = ({ latitude, longitude }) => Math.hypot(latitude - coords.latitude, (longitude - coords.longitude) * Math.cos(latitude * Math.PI / 180)) * 111195;
			nearest = stations.filter((s) => !s.closed).map((s) => ({ id: s.id, far: far(s) })).filter((s) => s.far <= reach).sort((a, b) => a.far - b.far).slice(0, most.nearest);
			for (const s of nearest) s.minutes = Math.max(1, Math.round(s.far * detour / pace));
			says.textContent = nearest.length ? "" : say("near-none", { n: reach / 1000 });
			await refresh();
		} catch {
			says.textContent = say("near-unknown");
		}
	}

	if (cards) refresh();

	// For the pages of this reader to open without a network.
	let worker;
	try { worker = navigator.serviceWorker; } catch { /* a frame in a sandbox */ }
	if (worker) {
		const tell = () => worker.ready.then((r) => r.active.postMessage(performance.getEntriesByType("resource").map((e) => e.name).filter((url) => url.includes("/static/"))));
		worker.register(root + "worker.js").then(tell, () => {}); // not allowed here: then without
	}

	const spread = Math.random() * 20000; // so that not all readers ask at one moment
	let turn;
	return {
		locate, soon,
		// tick hears of an update of the page's stream.
		tick(u) {
			if (!cards || !u.as_of) return;
			const last = turn, at = new Set(ids());
			turn = Math.floor((Date.parse(u.as_of) + spread) / 20000);
			if (turn !== last || u.trains?.some((t) => at.has(t.station) || t.next.some((s) => at.has(s.station)))) soon();
		},
	};
}
