// Words of the page in both languages, and the numbers and times that go with them.

const WORDS = {
  en: {
    title: "sanihub", tagline: "Telemetry hub for city sanitation", skip: "Skip to the figures", figures: "Figures",
    connecting: "Connecting", live: "Live", paused: "Paused", staleShort: "Stale",
    reporting: "Devices reporting", ofTotal: "of {0}", inWindow: "heard in the last {0} min",
    rate: "Messages per second", rows: "Rows stored", rowsNote: "{0} readings · {1} positions · {2} events",
    alerts: "Open alerts", alertsNone: "nothing is wrong", alertsSome: "{0} critical · {1} not acknowledged",
    letters: "Dead letters open", lettersNone: "everything could be filed", lettersSome: "frames that could not be filed",
    map: "Latest positions", layers: "Layers", legend: "Legend", mapLabel: "Map of the latest positions",
    mapHelp: "Arrow keys move, plus and minus zoom, 0 shows everything, N and P step through the devices.",
    noPositions: "No position yet. Devices appear as soon as they report one.",
    zoomIn: "Zoom in", zoomOut: "Zoom out", zoomFit: "Show everything", trails: "Trails",
    fillOk: "Bin under 75 %", fillNotice: "from 75 %: notice", fillCollect: "from 85 %: collect",
    fillOverflow: "from 95 %: overflowing", fillNone: "no fill level", silent: "pale: silent for over 15 min",
    byKind: "Devices by kind", byProtocol: "Devices by protocol", pending: "{0} pending", noDevices: "No device is registered yet.",
    health: "Health", store: "Store", storeWriter: "Writing to the store", up: "connected", down: "not connected", answers: "answers", away: "away",
    optional: "optional", about: "This hub", version: "Version", uptime: "Running for", storeMode: "Store",
    dataDir: "Data folder", links: "Go to", linkDocs: "API reference", linkGeo: "Positions as GeoJSON",
    linkAlerts: "Open alerts", linkLetters: "Open dead letters", linkMetrics: "Prometheus metrics", seen: "heard {0}", details: "All values",
    noAnswer: "The hub has not answered for {0}. What you see is from {1}.", never: "The hub does not answer.",
    storeAway: "The store cannot be reached. Devices keep what is not acknowledged; figures from {0}.",
    quiet: "No device has been heard for {0}.", ago: "{0} ago", now: "just now",
    kind_vehicle: "Vehicles", kind_bin: "Bins", kind_toilet: "Toilets", kind_worker: "Workers",
    kind_station: "Stations", kind_gateway: "Gateways", kind_unknown: "Unknown",
  },
  zh: {
    title: "sanihub 环卫遥测中枢", tagline: "城市环卫物联遥测中枢", skip: "跳到指标", figures: "指标",
    connecting: "正在连接", live: "实时", paused: "已暂停", staleShort: "数据陈旧",
    reporting: "在线设备", ofTotal: "共 {0} 台", inWindow: "最近 {0} 分钟内有上报",
    rate: "每秒消息数", rows: "已存数据行", rowsNote: "读数 {0} · 定位 {1} · 事件 {2}",
    alerts: "未解除告警", alertsNone: "一切正常", alertsSome: "严重 {0} · 未确认 {1}",
    letters: "待处理死信", lettersNone: "全部报文均已入库", lettersSome: "条报文未能入库",
    map: "最新位置", layers: "图层", legend: "图例", mapLabel: "最新位置地图",
    mapHelp: "方向键移动，加减号缩放，0 显示全部，N 与 P 逐台浏览设备。",
    noPositions: "暂无位置。设备上报位置后会显示在这里。",
    zoomIn: "放大", zoomOut: "缩小", zoomFit: "显示全部", trails: "轨迹",
    fillOk: "桶 低于 75%", fillNotice: "75% 起 提醒", fillCollect: "85% 起 应清运",
    fillOverflow: "95% 起 满溢", fillNone: "无满溢度", silent: "浅色：超过 15 分钟未上报",
    byKind: "各类设备", byProtocol: "各接入协议的设备", pending: "{0} 台待审", noDevices: "尚未登记任何设备。",
    health: "运行状况", store: "数据库", storeWriter: "写入数据库", up: "已连接", down: "未连接", answers: "正常", away: "不可达",
    optional: "可选", about: "本机信息", version: "版本", uptime: "已运行", storeMode: "数据库",
    dataDir: "数据目录", links: "前往", linkDocs: "接口文档", linkGeo: "位置 GeoJSON",
    linkAlerts: "未解除告警", linkLetters: "待处理死信", linkMetrics: "Prometheus 指标", seen: "{0}有上报", details: "全部数值",
    noAnswer: "中枢已 {0} 未响应，当前显示的是 {1} 的数据。", never: "中枢没有响应。",
    storeAway: "数据库不可达。未确认的数据由设备保留；指标为 {0} 的数据。",
    quiet: "已 {0} 没有任何设备上报。", ago: "{0}前", now: "刚刚",
    kind_vehicle: "车辆", kind_bin: "垃圾桶", kind_toilet: "公厕", kind_worker: "工人",
    kind_station: "转运站", kind_gateway: "网关", kind_unknown: "未知",
  },
};
const UNITS = { en: [" s", " min", " h", " d"], zh: [" 秒", " 分钟", " 小时", " 天"] };
const KEY = "sanihub.lang";

let lang = initial();

function initial() {
  const asked = new URLSearchParams(location.search).get("lang"); // so that a link can name the language
  if (asked in WORDS) return asked;
  try {
    const kept = localStorage.getItem(KEY);
    if (kept in WORDS) return kept;
  } catch { /* storage is barred: the browser's language decides each time */ }
  return (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function word(key, ...parts) {
  return (WORDS[lang][key] ?? key).replace(/\{(\d)\}/g, (_, n) => parts[n]);
}

export function number(value, digits = 0) {
  const options = { maximumFractionDigits: digits, minimumFractionDigits: 0 };
  if (Math.abs(value) >= 1e9) Object.assign(options, { notation: "compact", maximumFractionDigits: 2 });
  return new Intl.NumberFormat(lang, options).format(value);
}

export function span(seconds) {
  const [s, min, h, d] = UNITS[lang];
  if (seconds < 100) return Math.round(seconds) + s;
  if (seconds < 6000) return Math.round(seconds / 60) + min;
  if (seconds < 172800) return number(seconds / 3600, 1) + h;
  return number(seconds / 86400, 1) + d;
}

export function clock(millis) {
  return new Intl.DateTimeFormat(lang, { timeStyle: "medium", hour12: false }).format(millis);
}

export function applyWords() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.title = word("title");
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = word(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", word(node.dataset.tLabel));
  for (const node of document.querySelectorAll("[data-lang]")) node.setAttribute("aria-pressed", node.dataset.lang === lang);
}

export function setupLanguage(changed) {
  applyWords();
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.addEventListener("click", () => {
      lang = button.dataset.lang;
      try { localStorage.setItem(KEY, lang); } catch { /* not remembered, then */ }
      applyWords();
      changed();
    });
  }
}
