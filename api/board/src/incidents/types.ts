/** What the API says of incidents. */

export type IncidentState = "reported" | "ordered" | "handed_on" | "done" | "rejected";

export interface Incident {
  id: number;
  reference: string;
  category: string;
  state: IncidentState;
  text: string;
  lat: number;
  lon: number;
  accuracy_m: number | null;
  place: string;
  area: string | null;
  device: string | null;
  seen_at: string;
  entered_at: string;
  reporter: string;
  worker: string | null;
  department: string | null;
  work_order: string | null;
  changed_at: string;
  photos: number;
}

export interface Photo {
  sha256: string;
  media_type: string;
  width: number;
  height: number;
  bytes: number;
  taken_at: string | null;
  entered_at: string;
  entered_by: string;
}

export interface Dossier {
  incident: Incident;
  photos: Photo[];
  log: { at: string; actor: string; action: string; text: string; detail: Record<string, unknown> }[];
  letters: { id: string; department: string; attempts: number; delivered_at: string | null; given_up_at: string | null; answer: string | null }[];
}

export interface Named {
  zh: string;
  en: string;
}

export interface Catalogue {
  categories: (Named & { id: string })[];
  departments: (Named & { name: string })[];
  max_photo_bytes: number;
}

export interface Heat {
  total: number;
  cells: { west: number; south: number; east: number; north: number; count: number; categories: Record<string, number> }[];
  categories: Record<string, number>;
  areas: Record<string, number>;
  hours: number[];
  weekdays: number[];
}
