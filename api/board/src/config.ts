/** What the hub's settings tell the page (`[api.board]`). */
import type { BoardConfig } from "./types";

export async function boardConfig(): Promise<BoardConfig> {
  try {
    const answer = await fetch("/board/config.json");
    if (answer.ok) return (await answer.json()) as BoardConfig;
  } catch {
    // the page works without; it says by itself that the hub does not answer
  }
  return { version: "", sign_in: true, live: true, zone: "Asia/Shanghai", tiles_url: "", tiles_datum: "wgs84", attribution: "" };
}
