// Keeps the pages that a reader has opened, and shows the last state when there is no
// network: always as an old one. The server puts a line in front of this file: build,
// which changes with the pages, and old, how a page's language says that it is old.
const home = registration.scope;
const files = `ctalive ${home} ${build}`, pages = files + " pages";
const most = 12; // pages that are kept
const patience = 1000; // ms after which a network is taken for none, if there is a page to show

addEventListener("install", () => skipWaiting());

addEventListener("activate", (e) => e.waitUntil((async () => {
	for (const name of await caches.keys()) {
		if (name.startsWith(`ctalive ${home} `) && name !== files && name !== pages) await caches.delete(name);
	}
	await clients.claim();
})()));

// A page names the files that it was made of: those from before there was a worker.
addEventListener("message", (e) => e.waitUntil((async () => {
	const cache = await caches.open(files);
	for (const url of e.data) if (!await cache.match(url)) await cache.add(url).catch(() => {}); // the next page names it again
	if (!await (await caches.open(pages)).match(home)) await fetch(home).then((r) => keep(home, r)).catch(() => {}); // no network
})()));

addEventListener("fetch", (e) => {
	const url = new URL(e.request.url);
	if (e.request.method !== "GET" || !url.href.startsWith(home)) return;
	if (e.request.mode === "navigate") e.respondWith(page(e, url));
	else if (url.href.startsWith(home + "static/")) e.respondWith(file(e.request));
});

async function file(request) {
	const cache = await caches.open(files).catch(() => null); // a full disk must not cost a page its files
	const own = await cache?.match(request).catch(() => null);
	if (own) return own;
	const r = await fetch(request);
	if (r.ok) cache?.put(request, r.clone()).catch(() => {});
	return r;
}

// page is a page from the network, or the one that was kept, as an old one. A page that
// depends on what was asked isn't kept; another choice of the language is, for want of it.
// Some trains of a station are all trains without a network.
async function page(e, url) {
	if (asks(url)) return fetch(e.request);
	const fresh = fetch(e.request);
	if (!url.searchParams.has("line") && !url.searchParams.has("direction")) e.waitUntil(fresh.then((r) => keep(url, r.clone())).catch(() => {})); // no network
	const kept = await caches.open(pages).then((cache) => cache.match(url.origin + url.pathname)).catch(() => null);
	if (!kept) return fresh;
	if (url.search) return fresh.catch(() => kept);
	const late = new Promise((_, fail) => setTimeout(fail, patience));
	return Promise.race([fresh, late]).then((r) => r.status < 500 ? r : kept).catch(() => kept);
}

const asks = (url) => url.searchParams.has("q") || url.searchParams.has("station");

// keep keeps a page of ours, and not another site's beside ours. It forgets one that is gone.
async function keep(url, r) {
	url = new URL(url);
	if (!r.ok && r.status !== 404) return;
	const cache = await caches.open(pages);
	const at = url.origin + url.pathname;
	await cache.delete(at); // also so that keys are in the order of use
	if (!r.ok || !r.headers.get("Content-Type")?.startsWith("text/html")) return;
	const text = await r.text();
	if (!/<body data-id=[^>]* data-layout=/.test(text)) return;
	await cache.put(at, new Response(aged(text), { headers: r.headers }));
	for (const first of (await cache.keys()).slice(0, -most)) await cache.delete(first);
}

// aged is a page as it looks when it isn't live.
function aged(text) {
	const time = /<time id="clock" datetime="[^"]*T(\d\d:\d\d)/.exec(text)?.[1] ?? new Date().toTimeString().slice(0, 5);
	const says = (old[/<html lang="([^"]*)"/.exec(text)?.[1]] ?? Object.values(old)[0]).replace("{time}", time);
	text = text.replace(/<body ([^>]*)class="[^"]*"/, (_, rest) => `<body ${rest}class="lost" data-old`);
	const fresh = /(<p id="fresh"[^>]*>)[^<]*/;
	return fresh.test(text) ? text.replace(fresh, (_, tag) => tag + says) : text.replace(/<body [^>]*>/, (tag) => `${tag}<p role="status">${says}</p>`);
}
