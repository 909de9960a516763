// Lays out /openapi.json and lets requests be tried.

const MAX_SHOWN = 60000;
const METHODS = ["get", "post"];

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
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return resolve(choices.find((part) => part.type !== "null"), schemas, depth + 1);
  if (schema.const !== undefined) return schema.const;
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

// What is written goes out with the key of the field above all operations; it is kept nowhere.
function request(method, body) {
  const key = document.getElementById("key").value.trim();
  const headers = key ? { "X-API-Key": key } : {};
  if (body == null) return { method, headers };
  return { method, headers: { ...headers, "Content-Type": "application/json" }, body };
}

async function attempt(url, options, answer) {
  const started = performance.now();
  try {
    const response = await fetch(url, options);
    const text = await response.text();
    const millis = Math.round(performance.now() - started);
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no JSON: as it is */ }
    if (shown.length > MAX_SHOWN) shown = shown.slice(0, MAX_SHOWN) + "\n…";
    answer.replaceChildren(element("p", { class: "path" }, element("b", {}, String(response.status)), options.method === "GET" ? element("a", { href: url }, url) : url, ` ${millis} ms, ${text.length} B`), element("pre", { tabindex: "0" }, shown));
  } catch (error) {
    answer.replaceChildren(element("p", {}, `No answer: ${error.message}`));
  }
}

// The body of a request: a field with an example in it, and the names of the other examples.
function bodyField(requestBody) {
  const examples = Object.values(requestBody.content["application/json"]?.examples ?? {});
  const text = (example) => JSON.stringify(example.value, null, 2);
  const field = element("textarea", { "aria-label": "Body", rows: "8", spellcheck: "false" });
  field.value = examples.length ? text(examples[0]) : "{}";
  const choices = examples.map((example) => {
    const choice = element("button", { type: "button", class: "choice" }, example.summary);
    choice.addEventListener("click", () => { field.value = text(example); });
    return choice;
  });
  return { field, part: element("div", { class: "body" }, element("p", {}, "Body ", ...(examples.length > 1 ? choices : [])), field) };
}

function operationSection(path, name, operation, schemas) {
  const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in !== "header");
  const method = name.toUpperCase();
  const form = element("form", {});
  if (parameters.length) {
    const head = element("tr", {}, ...["Parameter", "Type", "Meaning", "Value"].map((name) => element("th", {}, name)));
    form.append(element("table", {}, element("thead", {}, head), element("tbody", {}, ...parameters.map(parameterRow))));
  }
  const answer = element("div", { class: "answer", "aria-live": "polite" });
  const button = element("button", { class: "try", type: "button" }, "Try it");
  const body = operation.requestBody ? bodyField(operation.requestBody) : null;
  if (body) form.append(body.part);
  const go = () => attempt(target(path, parameters, form), request(method, body?.field.value), answer);
  button.addEventListener("click", go);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT") { event.preventDefault(); go(); }
  });
  const schema = operation.responses["200"]?.content?.["application/json"]?.schema;
  const example = schema ? [element("details", {}, element("summary", {}, "Shape of the answer"), element("pre", { tabindex: "0" }, JSON.stringify(resolve(schema, schemas), null, 2)))] : [];
  form.append(...example, button);
  const secured = operation.security ? [element("p", { class: "need" }, "Needs a key.")] : [];
  const errors = Object.keys(operation.responses).filter((status) => status !== "200").join(", ");
  return element("section", { class: "operation", id: operation.operationId },
    element("h3", {}, operation.summary), element("p", { class: "path" }, element("b", {}, method), path), ...secured,
    ...prose(operation.description), ...(errors ? [element("p", {}, `Problems: ${errors}`)] : []), form, answer);
}

function render(document_) {
  document.getElementById("version").textContent = document_.info.version;
  const operations = Object.entries(document_.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method] })));
  const key = element("input", { id: "key", type: "password", autocomplete: "off", "aria-label": "API key" });
  const lead = element("div", { class: "lead" }, ...prose(document_.info.description), element("p", { class: "key" }, "Key to try with: ", key));
  const index = [], sections = [lead];
  for (const { name, description } of document_.tags) {
    index.push(element("h2", { title: description }, name));
    for (const { path, method, operation } of operations.filter(({ operation: { tags } }) => tags.includes(name))) {
      index.push(element("a", { href: "#" + operation.operationId }, operation.summary));
      sections.push(operationSection(path, method, operation, document_.components.schemas));
    }
  }
  document.getElementById("index").replaceChildren(...index);
  document.getElementById("operations").replaceChildren(...sections);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

fetch("/openapi.json").then((response) => response.json()).then(render, (error) => {
  document.getElementById("operations").replaceChildren(element("p", {}, `/openapi.json could not be read: ${error.message}`));
});
