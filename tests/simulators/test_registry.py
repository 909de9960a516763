from __future__ import annotations

from simulators.city import City, Size, registry
from simulators.city.plane import from_wgs84
from simulators.city.route import Corridor


def test_the_city_describes_itself(start_us: int) -> None:
    city = City(1, start_us, Size(vehicles=10, bins=80, toilets=3, workers=4))
    devices = registry.devices(city)
    assert tuple(device["id"] for device in devices) == city.device_ids
    lines = [f for f in registry.routes(city)["features"] if f["properties"]["role"] == "route"]
    assert [line["properties"]["vehicle_id"] for line in lines] == [vehicle.id for vehicle in city.vehicles]
    places = {device["id"]: device["attributes"] for device in devices if device["kind"] == "bin"}
    for line in lines:
        properties = line["properties"]
        corridor = Corridor(city.plans[properties["vehicle_id"]].round)
        assert line["geometry"]["coordinates"][0] == line["geometry"]["coordinates"][-1]
        for lon, lat in line["geometry"]["coordinates"]:
            assert corridor.distance(*from_wgs84(lat, lon)) < 1
        along = [stop["along_m"] for stop in properties.get("stops", [])]
        assert along == sorted(along)
        for stop in properties.get("stops", []):
            assert (stop["lat"], stop["lon"]) == (places[stop["device"]]["lat"], places[stop["device"]]["lon"])
    served = {stop["device"] for line in lines for stop in line["properties"].get("stops", [])}
    assert served == set(places)
    assert {feature["properties"]["role"] for feature in registry.places(city)["features"]} == {"depot", "tip", "fuel"}
    assert len(registry.posts(city)["features"]) == 4
    assert len(registry.streets(city)["features"]) > 200
