/** The way that a vehicle went today, on the map until it is hidden or the drawer is closed. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../icons";
import { city } from "../map/bridge";
import { drawDay, readDay } from "../map/day";
import { dayOf } from "../format";
import { attempt } from "../toasts";
import { panel } from "../view";
import { t } from "../words";

export function TodayTrack({ id }: { id: string }): JSX.Element {
  const [shown, setShown] = useState(false);
  useEffect(() => () => { if (panel.value !== "playback") city.value?.clearPlay(); }, [id]); // prettier-ignore
  const show = (): void =>
    void attempt(async () => {
      const map = city.value;
      if (!map) return;
      const day = await readDay(id, dayOf(Date.now()));
      drawDay(map, day, Date.now(), true);
      setShown(true);
    });
  const hide = (): void => {
    city.value?.clearPlay();
    setShown(false);
  };
  return <button type="button" aria-pressed={shown} onClick={shown ? hide : show}><Icon name="map" size={16} />{t(shown ? "device.trackHide" : "device.track")}</button>; // prettier-ignore
}
