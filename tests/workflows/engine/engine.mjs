// GitHub's own workflow parser and expression engine, asked one JSON request a line, answered one JSON line each.
//
//   {"parse": path}                                        {"errors": […], "workflow": …}
//   {"evaluate": expression, "contexts": {…}, "status": {"success": true, "failure": false, "cancelled": false}}
//                                                          {"value": …}
//
// A value of a workflow that is an expression comes as {"expression": "…"}. Each job and step has its effective `if`.
import { readFileSync } from "node:fs";
import * as modules from "node:module";
import { createInterface } from "node:readline";
import * as jsonImports from "./json_imports.mjs";

if (modules.registerHooks) modules.registerHooks(jsonImports);
else modules.register("./json_imports.mjs", import.meta.url);

const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");
const { parseAction } = await import("@actions/workflow-parser/actions/action-parser");
const { ensureStatusFunction } = await import("@actions/workflow-parser/model/converter/if-condition");
const { data, Evaluator, Lexer, Parser } = await import("@actions/expressions");
const STATUS = ["success", "failure", "cancelled", "always"];

/** A token of the parser as plain JSON. */
function plain(token) {
  if (token === undefined) return undefined;
  if (token.isExpression) return { expression: token.expression };
  if (typeof token.get !== "function") return token.value === undefined ? null : token.value;
  const items = [...token];
  return items.every((item) => item.key)
    ? Object.fromEntries(items.map((item) => [item.key.toString(), plain(item.value)]))
    : items.map(plain);
}

function isAction(path) {
  return path.endsWith("action.yml");
}

/** Errors of the schema, of the expressions and of what is called, and the document as JSON. */
async function parse(path) {
  const file = { name: path, content: readFileSync(path, "utf8") };
  const trace = new NoOperationTraceWriter();
  const parsed = isAction(path) ? parseAction(file, trace) : parseWorkflow(file, trace);
  const errors = () => parsed.context.errors.getErrors().map((error) => error.message);
  if (parsed.value === undefined || errors().length > 0) return { errors: errors() };
  const document = plain(parsed.value);
  if (isAction(path)) {
    for (const [i, step] of [...parsed.value.find("runs").find("steps")].entries()) {
      const found = step.find("if");
      const condition = found === undefined ? "success()" : (found.expression ?? String(found.value));
      document.runs.steps[i].if = found === undefined ? condition : ensureStatusFunction(condition, found.definitionInfo);
    }
  } else {
    const provider = {
      getFileContent: async (ref) => ({ name: ref.path, content: readFileSync(ref.path, "utf8") }),
    };
    const template = await convertWorkflowTemplate(parsed.context, parsed.value, provider, {
      fetchReusableWorkflowDepth: 1,
    });
    for (const job of template.jobs ?? []) {
      document.jobs[job.id.value].if = job.if.expression;
      (job.steps ?? []).forEach((step, i) => (document.jobs[job.id.value].steps[i].if = step.if.expression));
    }
  }
  return { errors: errors(), workflow: document };
}

function evaluate({ evaluate: expression, contexts, status }) {
  const context = JSON.parse(JSON.stringify(contexts), data.reviver);
  const answers = { ...status, always: true };
  const functions = STATUS.map((name) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(answers[name]),
  }));
  const tree = new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), functions).parse();
  const byName = new Map(functions.map((one) => [one.name, one]));
  return { value: JSON.parse(JSON.stringify(new Evaluator(tree, context, byName).evaluate(), data.replacer)) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = "parse" in request ? await parse(request.parse) : evaluate(request);
  } catch (error) {
    answer = { errors: [String(error)] };
  }
  console.log(JSON.stringify(answer));
}
