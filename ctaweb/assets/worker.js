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
	const cache = await caches.open(files);
	const own = await cache.match(request);
	if (own) return own;
	const r = await fetch(request);
	if (r.ok) await cache.put(request, r.clone());
	return r;
}

// page is a page from the network, or the one that was kept, as an old one.
async function page(e, url) {
	const fresh = fetch(e.request);
	const kept = await (await caches.open(pages)).match(url.origin + url.pathname);
	e.waitUntil(fresh.then((r) => keep(url, r.clone())).catch(() => {})); // no network
	if (!kept) return fresh;
	const late = new Promise((_, fail) => setTimeout(fail, patience));
	return Promise.race([fresh, late]).then((r) => r.status < 500 ? r : kept).catch(() => kept);
}

// keep keeps a page of ours: a search is none, nor is another site's page beside ours.
async function keep(url, r) {
	url = new URL(url);
	if (!r.ok || !r.headers.get("Content-Type")?.startsWith("text/html") || url.searchParams.has("q")) return;
	const text = await r.text();
	if (!text.includes("<body data-id=")) return;
	const cache = await caches.open(pages);
	const at = url.origin + url.pathname;
	await cache.delete(at); // so that keys are in the order of use
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
