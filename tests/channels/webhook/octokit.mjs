// A sender that signs with the package of GitHub's own libraries, and checks signatures with it.
// Usage: node octokit.mjs <module> <secret> sign <url> <payload>
//        node octokit.mjs <module> <secret> verify <payload> <signature>
import { pathToFileURL } from "node:url";

const [path, secret, order, ...rest] = process.argv.slice(2);
const { sign, verify } = await import(pathToFileURL(path));

if (order === "sign") {
  const [url, payload] = rest;
  const headers = {
    "Content-Type": "application/json",
    "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "X-GitHub-Event": "issues",
    "X-Hub-Signature-256": await sign(secret, payload),
  };
  const post = (body) => fetch(url, { method: "POST", headers, body });
  console.log((await post(payload + " ")).status, (await post(payload)).status);
} else {
  const [payload, signature] = rest;
  console.log(await verify(secret, payload, signature));
}
