// Grafana's types as JSON has them: the members of an enumeration are their values.
import type * as schema from "@grafana/schema";
import type * as bargauge from "@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen.d.ts";
import type * as geomap from "@grafana/schema/dist/types/raw/composable/geomap/panelcfg/x/GeomapPanelCfg_types.gen.d.ts";
import type * as stat from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type * as statetimeline from "@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.d.ts";
import type * as table from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts";
import type * as timeseries from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";

type Json<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T extends boolean ? T : T extends number ? number : T
    : T extends readonly (infer One)[]
      ? Json<One>[]
      : T extends object
        ? { [Key in keyof T]: Json<T[Key]> }
        : T;

/** What the PostgreSQL data source is asked; of its types only those of all targets are published. */
export interface Query extends schema.DataQuery {
  editorMode: "code";
  format: "table" | "time_series";
  rawQuery: boolean;
  rawSql: string;
}
type Annotated = { annotations: { list: schema.AnnotationQuery<Query>[] } };
export type Dashboard = Json<Omit<schema.Dashboard, "annotations"> & Annotated>;
export type Target = Json<Query>;
/** Options and own settings of fields, by the type of the panel. */
export interface Panels {
  bargauge: { options: Json<bargauge.Options>; custom: Record<string, never> };
  geomap: { options: Json<geomap.Options>; custom: Record<string, never> };
  stat: { options: Json<stat.Options>; custom: Record<string, never> };
  /** The panel reads spanNulls ("Connect null values"), which the types of this version leave out. */
  "state-timeline": { options: Json<statetimeline.Options>; custom: Json<statetimeline.FieldConfig> & { spanNulls?: boolean } };
  table: { options: Json<table.Options>; custom: Json<table.FieldConfig> };
  timeseries: { options: Json<timeseries.Options>; custom: Json<timeseries.FieldConfig> };
}
