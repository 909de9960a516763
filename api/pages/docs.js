// Lays out /openapi.json and lets GET requests be tried.

const MAX_SHOWN = 60000;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Paragraphs, and `code` in them: all of Markdown that the descriptions use.
function prose(text) {
  return (text ?? "").trim().split(/\n\s*\n/).filter(Boolean).map((part) => {
    const pieces = part.split(/`+([^`]+)`+/);
    return element("p", {}, ...pieces.map((piece, i) => (i % 2 ? element("code", {}, piece) : piece)));
  });
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).filter((name) => name !== "null").join(" or ");
  if (schema.type === "array") return `${typeOf(schema.items)}, repeatable`;
  if (schema.enum) return schema.enum.join(" | ");
  const bounds = [schema.minimum, schema.maximum].some((n) => n != null) ? ` ${schema.minimum ?? ""}..${schema.maximum ?? ""}` : "";
  return (schema.format ?? schema.type ?? "") + bounds;
}

function resolve(schema, schemas, depth = 0) {
  if (!schema || depth > 6) return null;
  if (schema.$ref) return resolve(schemas[schema.$ref.split("/").pop()], schemas, depth + 1);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.anyOf) return resolve(schema.anyOf.find((part) => part.type !== "null"), schemas, depth + 1);
  if (schema.type === "array") return [resolve(schema.items, schemas, depth + 1)];
  if (schema.properties) return Object.fromEntries(Object.entries(schema.properties).map(([name, part]) => [name, resolve(part, schemas, depth + 1)]));
  if (schema.format === "date-time") return "2026-11-02T08:00:00Z";
  return { integer: 0, number: 0.0, boolean: true, string: "", object: {} }[schema.type] ?? null;
}

function parameterRow(parameter) {
  const { name, required, schema, description } = parameter;
  const example = parameter.example ?? schema?.examples?.[0] ?? (parameter.in === "path" ? "" : "");
  const input = element("input", { name, "aria-label": name, value: required ? example : "", placeholder: schema?.default ?? "" });
  const label = element("td", {}, name, ...(required ? [element("span", { class: "need", title: "required" }, " *")] : []));
  return element("tr", {}, label, element("td", {}, typeOf(schema)), element("td", {}, ...prose(description ?? schema?.description)), element("td", {}, input));
}

function target(path, parameters, form) {
  const query = new URLSearchParams();
  for (const { name, in: place } of parameters) {
    const value = form.querySelector(`input[name="${name}"]`).value.trim();
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value) for (const part of value.split(",")) query.append(name, part);
  }
  return query.size ? `${path}?${query}` : path;
}

async function attempt(url, answer) {
  const started = performance.now();
  try {
    const response = await fetch(url);
    const text = await response.text();
    const millis = Math.round(performance.now() - started);
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no JSON: as it is */ }
    if (shown.length > MAX_SHOWN) shown = shown.slice(0, MAX_SHOWN) + "\n…";
    answer.replaceChildren(element("p", { class: "path" }, element("b", {}, String(response.status)), element("a", { href: url }, url), ` ${millis} ms, ${text.length} B`), element("pre", { tabindex: "0" }, shown));
  } catch (error) {
    answer.replaceChildren(element("p", {}, `No answer: ${error.message}`));
  }
}

function operationSection(path, operation, schemas) {
  const parameters = operation.parameters ?? [];
  const form = element("form", {});
  if (parameters.length) {
    const head = element("tr", {}, ...["Parameter", "Type", "Meaning", "Value"].map((name) => element("th", {}, name)));
    form.append(element("table", {}, element("thead", {}, head), element("tbody", {}, ...parameters.map(parameterRow))));
  }
  const answer = element("div", { class: "answer", "aria-live": "polite" });
  const button = element("button", { class: "try", type: "button" }, "Try it");
  const go = () => attempt(target(path, parameters, form), answer);
  button.addEventListener("click", go);
  form.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); go(); } });
  const schema = operation.responses["200"]?.content?.["application/json"]?.schema;
  const example = schema ? [element("details", {}, element("summary", {}, "Shape of the answer"), element("pre", { tabindex: "0" }, JSON.stringify(resolve(schema, schemas), null, 2)))] : [];
  form.append(...example, button);
  const errors = Object.keys(operation.responses).filter((status) => status !== "200").join(", ");
  return element("section", { class: "operation", id: operation.operationId },
    element("h3", {}, operation.summary), element("p", { class: "path" }, element("b", {}, "GET"), path),
    ...prose(operation.description), ...(errors ? [element("p", {}, `Problems: ${errors}`)] : []), form, answer);
}

function render(document_) {
  document.getElementById("version").textContent = document_.info.version;
  const operations = Object.entries(document_.paths).map(([path, item]) => ({ path, operation: item.get })).filter(({ operation }) => operation);
  const index = [], sections = [element("div", { class: "lead" }, ...prose(document_.info.description))];
  for (const { name, description } of document_.tags) {
    index.push(element("h2", { title: description }, name));
    for (const { path, operation } of operations.filter(({ operation: { tags } }) => tags.includes(name))) {
      index.push(element("a", { href: "#" + operation.operationId }, operation.summary));
      sections.push(operationSection(path, operation, document_.components.schemas));
    }
  }
  document.getElementById("index").replaceChildren(...index);
  document.getElementById("operations").replaceChildren(...sections);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

fetch("/openapi.json").then((response) => response.json()).then(render, (error) => {
  document.getElementById("operations").replaceChildren(element("p", {}, `/openapi.json could not be read: ${error.message}`));
});
