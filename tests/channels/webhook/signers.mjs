// Senders that sign with the packages of the platforms, and check signatures with them.
// Usage: NODE_PATH=node_modules node signers.mjs <secret> <kind> <url> <payload>    sends it changed, and as it is
//        NODE_PATH=node_modules node signers.mjs <secret> verify <payload> <signature>
//        NODE_PATH=node_modules node signers.mjs <secret> examples <url>
// The last sends every example that GitHub's own list has of its events, each event to a chat of its own below
// the URL, and says of each, in a line, the status that it got, its event, and who caused it.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [secret, kind, ...rest] = process.argv.slice(2);
const modules = process.env.NODE_PATH;
const required = createRequire(import.meta.url);
const octokit = () =>
  import(pathToFileURL(join(modules, "@octokit/webhooks-methods/dist-node/index.js")));

const signers = {
  github: async (payload) => ({
    "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "X-GitHub-Event": "issues",
    "X-Hub-Signature-256": await (await octokit()).sign(secret, payload),
  }),
  standard: async (payload) => {
    const { Webhook } = required("standardwebhooks");
    const [id, at] = ["msg_p5jXN8AQM9LWM0D4loKWxJek", new Date()];
    return {
      "Webhook-Id": id,
      "Webhook-Timestamp": String(Math.floor(at.getTime() / 1000)),
      "Webhook-Signature": new Webhook(secret).sign(id, at, payload),
    };
  },
  svix: async (payload) => {
    const { Webhook } = required("svix");
    const [id, at] = ["msg_2b3l9ZkWq0c1mS0w5cKp4oVnY7d", new Date()];
    return {
      "svix-id": id,
      "svix-timestamp": String(Math.floor(at.getTime() / 1000)),
      "svix-signature": new Webhook(secret).sign(id, at, payload),
    };
  },
  stripe: async (payload) => {
    const { webhooks } = new (required("stripe"))("sk_test_none");
    return { "Stripe-Signature": webhooks.generateTestHeaderString({ payload, secret }) };
  },
};

const sendExamples = async (url) => {
  const { sign } = await octokit();
  for (const { name, examples } of required("@octokit/webhooks-examples")) {
    // The list has some twice; the second would be a replay.
    for (const body of new Set(examples.map((example) => JSON.stringify(example)))) {
      const headers = {
        "Content-Type": "application/json",
        "X-GitHub-Delivery": crypto.randomUUID(),
        "X-GitHub-Event": name,
        "X-Hub-Signature-256": await sign(secret, body),
      };
      const { status } = await fetch(url + name, { method: "POST", headers, body });
      console.log(status, name, JSON.parse(body).sender?.login ?? "");
    }
  }
};

if (kind === "verify") {
  console.log(await (await octokit()).verify(secret, ...rest));
} else if (kind === "examples") {
  await sendExamples(...rest);
} else {
  const [url, payload] = rest;
  const headers = { "Content-Type": "application/json", ...(await signers[kind](payload)) };
  const post = (body) => fetch(url, { method: "POST", headers, body });
  console.log((await post(payload + " ")).status, (await post(payload)).status);
}
