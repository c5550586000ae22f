"use strict";
// Renders openapi.json and sends requests. Text is only ever set as text, never as markup;
// the token stays in its field and is not stored.

const at = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const { className, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function prose(text) {
  return text.split("`").map((part, index) => index % 2 ? make("code", {}, part) : part);
}

function resolve(api, schema) {
  const name = schema && schema.$ref;
  return name ? name.slice(2).split("/").reduce((node, key) => node[key], api) : schema || {};
}

function typeOf(api, schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map((each) => typeOf(api, each)).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(api, schema.items || {})}`;
  if (schema.contentEncoding) return schema.contentEncoding;
  return schema.type || "any";
}

function limitsOf(schema) {
  const words = {
    minimum: "≥", maximum: "≤", minLength: "length ≥", maxLength: "length ≤",
    minItems: "items ≥", maxItems: "items ≤", maxProperties: "entries ≤", pattern: "matches",
  };
  const limits = Object.entries(words).filter(([key]) => key in schema).map(([key, word]) => `${word} ${schema[key]}`);
  const trivial = schema.default === "" || schema.default === null ||
    (typeof schema.default === "object" && !Object.keys(schema.default).length);
  if ("default" in schema && !trivial) limits.push(`default ${JSON.stringify(schema.default)}`);
  return limits.join(", ");
}

function fieldsTable(api, schema) {
  const { properties = {}, required = [] } = resolve(api, schema);
  const rows = Object.entries(properties).map(([name, field]) => make("tr", {},
    make("td", {}, make("code", {}, name), required.includes(name) ? " *" : ""),
    make("td", {}, typeOf(api, field)),
    make("td", {}, ...prose(field.description || ""), " ", make("span", { className: "note" }, limitsOf(field)))));
  return make("table", {}, make("tbody", {}, ...rows));
}

function sample(api, schema, depth = 0) {
  const found = resolve(api, schema);
  if (found.anyOf) return sample(api, found.anyOf[0], depth);
  if (depth > 4) return null;
  switch (found.type) {
    case "object": {
      const names = found.required || [];
      return Object.fromEntries(names.map((name) => [name, sample(api, found.properties[name], depth + 1)]));
    }
    case "array": return [sample(api, found.items, depth + 1)];
    case "integer": return found.minimum || 0;
    case "boolean": return false;
    default: return "";
  }
}

function parametersForm(api, operation) {
  const inputs = [];
  const rows = operation.parameters.map((each) => resolve(api, each)).filter((each) => each.in !== "header")
    .map((parameter) => {
      const input = make("input", { spellcheck: false, ariaLabel: parameter.name });
      inputs.push({ parameter, input });
      const about = [parameter.in, typeOf(api, parameter.schema), limitsOf(parameter.schema)].filter(Boolean).join(", ");
      return make("tr", {},
        make("td", {}, make("code", {}, parameter.name), parameter.required ? " *" : ""),
        make("td", {}, input),
        make("td", {}, make("span", { className: "note" }, about)));
    });
  return { inputs, table: make("table", {}, make("tbody", {}, ...rows)) };
}

async function send(path, method, inputs, body) {
  const query = new URLSearchParams();
  let url = path;
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.append(parameter.name, input.value);
  }
  if (query.size) url += `?${query}`;
  const headers = {};
  if (at("token").value) headers["X-Keystead-Token"] = at("token").value.trim();
  if (at("namespace").value) headers["X-Keystead-Namespace"] = at("namespace").value.trim();
  if (body && body.value.trim()) headers["Content-Type"] = "application/json";
  const started = performance.now();
  const response = await fetch(url, {
    method, headers, body: headers["Content-Type"] ? body.value : undefined,
    credentials: "omit", cache: "no-store", redirect: "error",
  });
  const text = await response.text();
  const took = Math.round(performance.now() - started);
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
  return { ok: response.ok, text: `${method} ${url}\n${response.status} in ${took} ms\n\n${shown}` };
}

function fill(api, path, method, operation, inside) {
  for (const part of operation.description.split("\n\n")) inside.append(make("p", {}, ...prose(part)));
  const { inputs, table } = parametersForm(api, operation);
  if (inputs.length) inside.append(make("h3", {}, "Parameters"), table);
  let body = null;
  if (operation.requestBody) {
    const content = operation.requestBody.content["application/json"];
    const example = content.example || sample(api, content.schema);
    body = make("textarea", { spellcheck: false, ariaLabel: "Request body", value: JSON.stringify(example, null, 2) });
    inside.append(make("h3", {}, "Body"), fieldsTable(api, content.schema), body);
  }
  const button = make("button", { type: "button" }, "Send");
  const result = make("pre", { hidden: true, tabIndex: 0 });
  result.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await send(path, method.toUpperCase(), inputs, body);
      result.textContent = answer.text;
      result.className = answer.ok ? "" : "failed";
    } catch (error) {
      result.textContent = `No answer: ${error.message}`;
      result.className = "failed";
    }
    result.hidden = false;
    button.disabled = false;
  });
  inside.append(button, result);
  for (const [status, reference] of Object.entries(operation.responses)) {
    const response = resolve(api, reference);
    const schema = response.content && Object.values(response.content)[0].schema;
    if (status < "300") {
      inside.append(make("h3", {}, `Reply ${status}`), make("p", {}, ...prose(response.description)));
      if (schema) inside.append(fieldsTable(api, schema));
    }
  }
  const problems = Object.entries(operation.responses).filter(([status]) => status >= "300")
    .map(([status, reference]) => make("tr", {}, make("td", {}, status),
      make("td", {}, resolve(api, reference).description.replace("A problem: ", ""))));
  inside.append(make("h3", {}, "Problems"), make("table", {}, make("tbody", {}, ...problems)));
}

function operationNode(api, path, method, operation) {
  const inside = make("div", { className: "inside" });
  const node = make("details", { id: operation.operationId },
    make("summary", {},
      make("span", { className: `method ${method}` }, method.toUpperCase()),
      make("span", { className: "path" }, path),
      make("span", { className: "what" }, ...prose(operation.summary))),
    inside);
  node.dataset.words = `${method} ${path} ${operation.operationId} ${operation.summary} ${operation.description}`.toLowerCase();
  node.addEventListener("toggle", () => {
    if (node.open && !inside.hasChildNodes()) fill(api, path, method, operation, inside);
  });
  return node;
}

function filter() {
  const words = at("filter").value.toLowerCase().split(/\s+/);
  for (const section of at("operations").children) {
    let any = false;
    for (const node of section.querySelectorAll("details")) {
      node.hidden = !words.every((word) => node.dataset.words.includes(word));
      any ||= !node.hidden;
    }
    section.hidden = !any;
  }
}

function openNamed() {
  const node = at(decodeURIComponent(location.hash.slice(1)));
  if (node && node.tagName === "DETAILS") node.open = true;
}

function show(api) {
  at("version").textContent = api.info.version;
  at("introduction").replaceChildren(...prose(api.info.description));
  for (const { name } of api.tags) {
    const nodes = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(name))
      .map(([method, operation]) => operationNode(api, path, method, operation)));
    at("operations").append(make("section", {}, make("h2", { id: `tag-${name}` }, name), ...nodes));
    at("tags").append(make("li", {}, make("a", { href: `#tag-${name}` }, name), String(nodes.length)));
  }
  openNamed();
}

at("session").addEventListener("submit", (event) => event.preventDefault());
at("filter").addEventListener("input", filter);
addEventListener("hashchange", openNamed);
fetch("openapi.json").then((response) => response.json()).then(show, (error) => {
  at("introduction").textContent = `The description did not load: ${error.message}`;
});
