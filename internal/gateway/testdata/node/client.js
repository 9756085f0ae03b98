// Drives Twilio's own client for Node.js as an application would: only the base URL of its requests differs.
// Reads {"gateway", "callback": {"url", "params", "signature"}} from standard input, and writes what it saw as JSON.
const twilio = require("twilio");
const { RequestClient } = twilio;

class ToGateway extends RequestClient {
  constructor(gateway) {
    super();
    this.gateway = gateway;
  }

  request(options) {
    return super.request({ ...options, uri: options.uri.replace("https://api.twilio.com", this.gateway) });
  }
}

async function outcome(promise) {
  try {
    const made = await promise;
    return { sid: made.sid, count: made.length };
  } catch (e) {
    return { status: e.status, code: e.code, message: e.message, more: e.moreInfo };
  }
}

async function main(input) {
  const client = twilio("AC1", "secret", { httpClient: new ToGateway(input.gateway) });
  const send = (to) => client.messages.create({ to, messagingServiceSid: "MG1", body: "Grüße & 100 %" });
  const call = (to) => client.calls.create({ to, from: "+12025550199", url: "https://app.example.com/voice" });
  const { url, params, signature } = input.callback;
  return {
    allowed: await outcome(send("+12025550123")),
    refused: await outcome(send("+12025550124")),
    called: await outcome(call("+12025550123")),
    uncalled: await outcome(call("+12025550124")),
    listed: await outcome(client.messages.list({ limit: 5 })),
    valid: twilio.validateRequest("secret", signature, url, params),
    forged: twilio.validateRequest("secret", signature, url, { ...params, MessageStatus: "failed" }),
  };
}

let text = "";
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", async () => {
  try {
    console.log(JSON.stringify(await main(JSON.parse(text))));
  } catch (e) {
    console.error(e);
    process.exit(1);
  }
});
