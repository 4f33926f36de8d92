// An authorization server, and somebody at a browser.
// Usage: node oauth.mjs serve          prints its address, and serves until its stdin ends
//        node oauth.mjs browse <url>   agrees to everything; prints the last page's status and text
//        node oauth.mjs type <url> <code>   types the code on the page first
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [order, ...rest] = process.argv.slice(2);

const serve = async () => {
  const entry = pathToFileURL(join(process.env.NODE_PATH, "oidc-provider/lib/index.js"));
  const { default: Provider } = await import(entry);
  const server = createServer().listen(0, "127.0.0.1", () => {
    const url = `http://127.0.0.1:${server.address().port}`;
    const provider = new Provider(url, {
      clients: [{
        client_id: "nanoclaw",
        // RFC 8252, 7.3: whatever the port.
        application_type: "native",
        redirect_uris: ["http://127.0.0.1/"],
        token_endpoint_auth_method: "none",
        grant_types: [
          "authorization_code",
          "refresh_token",
          "urn:ietf:params:oauth:grant-type:device_code",
        ],
      }],
      features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
      findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
      issueRefreshToken: () => true,
      // A refresh token is good once; its second use ends the whole grant.
      rotateRefreshToken: true,
      pkce: { required: () => true },
    });
    server.on("request", provider.callback());
    process.stdin.on("end", () => process.exit(0)).resume();
    console.log(url);
  });
};

const cookies = new Map();
const visit = async (url, form) => {
  const at = new URL(url);
  for (let redirects = 0; redirects < 10; redirects += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const body = form && new URLSearchParams(form);
    const answer = await fetch(at, {
      method: form ? "POST" : "GET", headers: { cookie }, body, redirect: "manual",
    });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      cookies.set(name, value);
    }
    const to = answer.headers.get("location");
    if (!to) return { status: answer.status, url: at, text: await answer.text() };
    at.href = new URL(to, at).href;
    form = undefined;
  }
  throw new Error(`too many redirects at ${at}`);
};

const browse = async (url, typed) => {
  let page = await visit(url);
  for (let forms = 0; forms < 6; forms += 1) {
    const form = /<form([^>]*)>([\s\S]*?)<\/form>/.exec(page.text);
    if (!form) break;
    const fields = { login: "ann", password: "any" };
    for (const [, input] of form[2].matchAll(/<input([^>]*)>/g)) {
      const value = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1];
      if (value("type") === "hidden") fields[value("name")] = value("value") ?? "";
    }
    if (typed && form[2].includes("user_code")) fields.user_code ||= typed;
    const action = /action="([^"]*)"/.exec(form[1])?.[1] || page.url;
    page = await visit(new URL(action, page.url), fields);
  }
  const text = page.text.replace(/<style[\s\S]*?<\/style>|<[^>]*>/g, " ");
  console.log(page.status, text.replace(/\s+/g, " ").trim());
};

if (order === "serve") await serve();
else await browse(...rest);
