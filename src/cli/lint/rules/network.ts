import { chainOf, methodOf, rootOf } from "../ast.js";
import type { LintFile } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import { isFunction, type Node, type NodeOf } from "../source.js";

type Call = NodeOf<"CallExpression">;

/** Packages that talk to somebody else's server. */
const PACKAGES =
  /^(node:)?(https?|http2)$|^(axios|got|ky|undici|node-fetch|cross-fetch|superagent|needle|ofetch|wretch|request|request-promise|nodemailer|twilio|stripe|resend|postmark|mailgun\.js|mailgun-js|braintree|square|openai|firebase-admin|googleapis|web-push|telegraf|discord\.js|@slack\/.+|@sendgrid\/.+|@aws-sdk\/client-.+|@paypal\/.+|@adyen\/.+|@mollie\/.+|@anthropic-ai\/sdk|@google-cloud\/.+|@azure\/.+|@octokit\/.+|@nestjs\/axios)$/;
/** What such a client is usually called where it is imported from the project itself. */
const NAMES =
  /^_?(axios|stripe|twilio|resend|sendgrid|sgMail|mailer|mailService|mailerService|emailService|httpService|httpClient|openai|paypal|braintree|slack|sns|sqs|ses|s3)(Client|Service)?$/i;
const TYPES = /^(Stripe|Twilio|Resend|HttpService|MailerService|AxiosInstance|OpenAI|\w+Client)$/;

export const networkInWork: Rule = {
  id: "network-in-once",
  level: "error",
  title: "A network call inside the work of an operation",
  why: "The database cannot roll back what was sent: a deadlock or a lost connection runs the work again, and sends again, and all the while the transaction holds its locks.",
  fix: "Send after the operation, or through the outbox, or as a leased step; give the service a key that is derived from the operation's.",
  check: (file) =>
    file.works.all.flatMap(({ body }) =>
      file.source.within(body, "CallExpression").flatMap((call): Hit[] => {
        const sent = networkCall(file, call) ?? calledFunction(file, call);
        return sent === undefined ? [] : [{ node: call, message: `${sent} inside the work` }];
      }),
    ),
};

function networkCall({ names }: LintFile, call: Call): string | undefined {
  const chain = chainOf(call.callee);
  const shown = `\`${chain.filter((step) => step !== "this").join(".")}\` talks to another service`;
  if (chain.join(".").replace(/^(globalThis|window)\./, "") === "fetch") return shown;
  const root = rootOf(call);
  if (root.type === "Identifier") {
    const made = names.initialiserOf(root);
    const maker = made === undefined ? root : rootOf(made.type === "NewExpression" ? made.callee : made);
    for (const each of [root, maker]) {
      const from = each.type === "Identifier" ? names.importedFrom(each.name) : undefined;
      if (from !== undefined && (PACKAGES.test(from) || NAMES.test(fileName(from)))) return shown;
    }
  }
  const client = chain[0] === "this" ? chain.slice(0, 2) : chain.slice(0, 1);
  if (chain.length <= client.length) return undefined;
  const type = root.type === "Super" ? undefined : names.typeOf(client, call);
  const typed =
    type !== undefined &&
    TYPES.test(type.name) &&
    type.name !== "PrismaClient" &&
    !/^(Pool|Transaction|Base)Client$/.test(type.name);
  return typed || NAMES.test(client.at(-1) ?? "") ? shown : undefined;
}

/** What a module of the project is called: `stripe` for `../lib/stripe.js`. */
function fileName(specifier: string): string {
  return specifier.startsWith(".") ? specifier.replace(/^.*\//, "").replace(/\.\w+$/, "") : "";
}

/** A function of the same file that talks to another service, called by its name or on `this`. */
function calledFunction(file: LintFile, call: Call): string | undefined {
  const chain = chainOf(call.callee);
  const plain = chain.length === 1 ? chain[0] : undefined;
  const method = chain.length === 2 && chain[0] === "this" ? chain[1] : undefined;
  const body = functionNamed(file, plain, method);
  if (body === undefined) return undefined;
  const inner = file.source
    .within(body, "CallExpression")
    .map((each) => networkCall(file, each))
    .find((each) => each !== undefined);
  return inner === undefined ? undefined : `\`${methodOf(call)}\` is called, in which ${inner},`;
}

function functionNamed({ source, names }: LintFile, plain?: string, method?: string): Node | undefined {
  if (plain !== undefined) {
    const declared = source.all("FunctionDeclaration").find(({ id }) => id?.name === plain);
    if (declared !== undefined) return declared;
    const variable = source
      .all("VariableDeclarator")
      .find(({ id }) => id.type === "Identifier" && id.name === plain);
    const init = variable === undefined ? undefined : names.initialiserOf(variable.id);
    return init !== undefined && isFunction(init) ? init : undefined;
  }
  if (method === undefined) return undefined;
  return source.all("MethodDefinition").find(({ key }) => key.type === "Identifier" && key.name === method)
    ?.value;
}
