import type { Model, OwnKey } from "~/api/types";

export interface Provider {
  id: string;
  name: string;
  /** Where its users make keys. */
  page?: string;
}

const known: Record<string, Omit<Provider, "id">> = {
  openai: { name: "OpenAI", page: "https://platform.openai.com/api-keys" },
  anthropic: { name: "Anthropic", page: "https://platform.claude.com/settings/keys" },
  google: { name: "Google", page: "https://aistudio.google.com/apikey" },
  exa: { name: "Exa", page: "https://dashboard.exa.ai/api-keys" },
};

/** The provider of the web search, which has no models. */
export const searchProvider = "exa";
/** Answers without any key. */
const demo = "demo";

/** What is known of a provider. */
export function providerOf(id: string): Provider {
  return { id, ...(known[id] ?? { name: id.charAt(0).toUpperCase() + id.slice(1) }) };
}

/** The providers of models that a key can be brought for, in the order of the models, and those that have one. */
export function keyProviders(models: Model[], keys: OwnKey[]): Provider[] {
  const offered = models.filter(
    ({ provider, lack }) => provider !== demo && lack !== "provider_not_configured",
  );
  const ids = new Set([...offered.map(({ provider }) => provider), ...keys.map(({ provider }) => provider)]);
  ids.delete(searchProvider);
  return [...ids].map(providerOf);
}
