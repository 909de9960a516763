// Keeps the worker's page on the phone, so that it opens without network. What it shows is kept by the page itself:
// nothing of /api is ever kept here.
"use strict";

const CACHE = "sanihub-worker-1";
const PAGE = "/worker";
const BESIDE = ["/favicon.svg", "/board/config.json", "/worker.webmanifest"];
const PATIENCE_MS = 4000; // a network that answers later than this is treated as none

/** The scripts and styles that a page asks for; their names change with their content. */
const assetsOf = (html) => [...html.matchAll(/(?:src|href)="(\/board\/assets\/[^"]+)"/g)].map((found) => found[1]);

/** Keep the page of an answer with all that it needs, and drop what an older one needed. The page itself comes last. */
async function keepPage(answer) {
  const cache = await caches.open(CACHE);
  const needed = assetsOf(await answer.clone().text());
  const held = await cache.keys();
  const there = new Set(held.map((request) => new URL(request.url).pathname));
  await Promise.all(needed.filter((name) => !there.has(name)).map((name) => cache.add(name)));
  await cache.put(PAGE, answer);
  const old = [...there].filter((name) => name.startsWith("/board/assets/") && !needed.includes(name));
  await Promise.all(old.map((name) => cache.delete(name)));
}

self.addEventListener("install", (event) => {
  const keep = async () => {
    const answer = await fetch(PAGE, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`${PAGE}: ${answer.status}`);
    await keepPage(answer);
    const cache = await caches.open(CACHE);
    await Promise.allSettled(BESIDE.map((name) => cache.add(name)));
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("sanihub-worker-") && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

/** The network's answer, and what is kept where there is none, or none in time. */
async function newest(event, name) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(name, { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) {
      const copy = answer.clone();
      event.waitUntil((name === PAGE ? keepPage(copy) : cache.put(name, copy)).catch(() => undefined));
      return answer;
    }
    if (answer.status < 500) return answer;
    return (await cache.match(name)) ?? answer;
  } catch (error) {
    const kept = await cache.match(name);
    if (kept) return kept;
    throw error;
  }
}

async function keptFirst(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request)) ?? fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin || request.method !== "GET") return;
  if (request.mode === "navigate") {
    if (pathname === PAGE) event.respondWith(newest(event, PAGE));
  } else if (pathname.startsWith("/board/assets/")) event.respondWith(keptFirst(request));
  else if (BESIDE.includes(pathname)) event.respondWith(newest(event, pathname));
});
