// Senders that sign with the packages of the platforms, and check signatures with them.
// Usage: node signers.mjs <node_modules> <secret> <kind> <url> <payload>    sends it changed, and as it is
//        node signers.mjs <node_modules> <secret> verify <payload> <signature>
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, secret, kind, ...rest] = process.argv.slice(2);
const octokit = () =>
  import(pathToFileURL(join(modules, "@octokit/webhooks-methods/dist-node/index.js")));
const required = (name) => createRequire(join(modules, "x.js"))(name);

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
  stripe: async (payload) => {
    const { webhooks } = new (required("stripe"))("sk_test_none");
    return { "Stripe-Signature": webhooks.generateTestHeaderString({ payload, secret }) };
  },
};

if (kind === "verify") {
  console.log(await (await octokit()).verify(secret, ...rest));
} else {
  const [url, payload] = rest;
  const headers = { "Content-Type": "application/json", ...(await signers[kind](payload)) };
  const post = (body) => fetch(url, { method: "POST", headers, body });
  console.log((await post(payload + " ")).status, (await post(payload)).status);
}
