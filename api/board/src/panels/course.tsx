/** The course of a metric over a day or a week: mean as a line, lowest to highest as a band. */
import "uplot/dist/uPlot.min.css";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type UPlot from "uplot";
import { get } from "../api";
import { metricTitle, metrics } from "../catalogue";
import { measured, zoneName } from "../format";
import type { Series } from "../types";
import { theme } from "../view";
import { lang, t } from "../words";
import { useLoaded, Waiting } from "./parts";

type Span = "day" | "week";
const HOURS: Record<Span, number> = { day: 24, week: 168 };
const BUCKET: Record<Span, string> = { day: "10m", week: "1h" };
const HEIGHT = 150;

export function Course({ id, metric }: { id: string; metric: string }): JSX.Element {
  const [over, setOver] = useState<Span>("day");
  const found = useLoaded(() => {
    const to = Date.now();
    const from = new Date(to - HOURS[over] * 3600e3).toISOString();
    return get<Series>(`/devices/${id}/series`, { metric, bucket: BUCKET[over], from, to: new Date(to).toISOString() });
  }, [id, metric, over]);
  const unit = metrics.value.get(metric)?.unit ?? "";
  return (
    <section class="course" aria-label={metricTitle(metric)}>
      <div class="line">
        <h3>{metricTitle(metric)} {unit && <span class="thin">{unit}</span>}</h3>
        <div class="segments" role="group" aria-label={t("device.chart")}>
          {(["day", "week"] as const).map((one) => <button type="button" key={one} aria-pressed={over === one} onClick={() => setOver(one)}>{t(`device.${one}`)}</button>)}
        </div>
      </div>
      {found.data?.buckets?.length ? <Chart series={found.data} hours={HOURS[over]} key={`${theme.value}${lang.value}`} /> : <div class="chart"><Waiting of={found} none={t("device.noSeries")} /></div>}
    </section>
  ); // prettier-ignore
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function Chart({ series, hours }: { series: Series; hours: number }): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const buckets = series.buckets ?? [];
  useEffect(() => {
    let plot: UPlot | null = null;
    let gone = false;
    void import("uplot").then(({ default: Plot }) => {
      if (gone || !host.current) return;
      plot = new Plot(options(host.current.clientWidth, hours, Plot), data(buckets), host.current);
    });
    const sized = new ResizeObserver(() => host.current && plot?.setSize({ width: host.current.clientWidth, height: HEIGHT }));
    if (host.current) sized.observe(host.current);
    return () => {
      gone = true;
      sized.disconnect();
      plot?.destroy();
    };
  }, [series]);
  const values = buckets.flatMap((one) => [one.min, one.max]);
  const words = `${t("device.span")} ${measured(Math.min(...values))}–${measured(Math.max(...values))}`;
  return <div class="chart" ref={host} role="img" aria-label={words} />;
}

function data(buckets: NonNullable<Series["buckets"]>): UPlot.AlignedData {
  const at = buckets.map((one) => Date.parse(one.start_at) / 1000);
  return [at, buckets.map((one) => one.min), buckets.map((one) => one.max), buckets.map((one) => one.avg)];
}

function options(width: number, hours: number, Plot: typeof UPlot): UPlot.Options {
  const muted = colour("--muted");
  const line = colour("--line");
  const accent = colour("--accent");
  const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, font: "11px system-ui, sans-serif" };
  const now = Date.now() / 1000;
  const value = (_: UPlot, one: number | null): string => (one === null ? "–" : measured(one));
  return {
    width,
    height: HEIGHT,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 5 } },
    scales: { x: { time: true, range: [now - hours * 3600, now] } },
    axes: [{ ...axis, size: 26, values: [[86_400, "{DD}.{MM}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1]] }, { ...axis, size: 40, values: (_, ticks) => ticks.map((one) => measured(one)) }],
    series: [{}, { stroke: "transparent", points: { show: false }, value }, { stroke: "transparent", points: { show: false }, value }, { stroke: accent, width: 1.8, points: { show: false }, value, spanGaps: false }],
    bands: [{ series: [2, 1], fill: `${accent}2e` }],
    tzDate: (at) => Plot.tzDate(new Date(at * 1000), zoneName()),
  }; // prettier-ignore
}
