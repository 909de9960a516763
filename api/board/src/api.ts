/** The hub's API: typed calls, and its errors (problem+json) as exceptions that can be shown to people. */
import type { Page } from "./types";

const PREFIX = "/api/v1";
const TIMEOUT_MS = 20_000;

export type Params = Record<string, string | number | boolean | readonly string[] | null | undefined>;

/** What the hub refused, in its own words. Status 0: it did not answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
  }
}

/** A key for hubs that have no people to sign in. It lives as long as the page does, and nowhere else. */
let key = "";
export function useKey(value: string): void {
  key = value;
}

/** Called at each 401, so that the page can ask who is there. */
let onUnknown: () => void = () => undefined;
export function whenUnknown(call: () => void): void {
  onUnknown = call;
}

export function address(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") continue;
    if (typeof value === "object") for (const one of value) query.append(name, one);
    else query.set(name, String(value));
  }
  const text = query.toString();
  return `${PREFIX}${path}${text ? `?${text}` : ""}`;
}

async function refusal(answer: Response): Promise<ApiError> {
  try {
    const problem = (await answer.json()) as { title?: string; detail?: string };
    return new ApiError(answer.status, problem.title ?? answer.statusText, problem.detail ?? "");
  } catch {
    return new ApiError(answer.status, answer.statusText, "");
  }
}

async function send(method: string, url: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (key) headers["authorization"] = `Bearer ${key}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new ApiError(0, "", error instanceof Error ? error.message : String(error));
  }
  if (answer.ok) return answer;
  const refused = await refusal(answer);
  if (answer.status === 401 && !url.startsWith(`${PREFIX}/session`)) onUnknown();
  throw refused;
}

export async function get<T>(path: string, params: Params = {}): Promise<T> {
  return (await send("GET", address(path, params))).json() as Promise<T>;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return (await send("POST", `${PREFIX}${path}`, body)).json() as Promise<T>;
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  return (await send("PATCH", `${PREFIX}${path}`, body)).json() as Promise<T>;
}

export async function remove(path: string): Promise<void> {
  await send("DELETE", `${PREFIX}${path}`);
}

/** All pages of a list, at most `most` items. */
export async function all<T>(path: string, params: Params = {}, most = 20_000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await get<Page<T>>(path, { ...params, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < most);
  return items;
}

/** All features of a paged FeatureCollection. */
export async function features<T>(path: string, params: Params = {}): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: { features: T[]; next_cursor: string | null } = await get(path, { ...params, cursor });
    found.push(...page.features);
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}

/** A file of the API, saved under the name that the hub gives it. */
export async function download(path: string, params: Params): Promise<void> {
  const answer = await send("GET", address(path, params));
  const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "sanihub";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
