import { expect, it } from "vitest";
import type { Model, OwnKey } from "~/api/types";
import { keyProviders, providerOf } from "./providers";

const model = (provider: string, lack?: Model["lack"]) => ({ provider, lack }) as Model;

it("keys can be brought for providers that are offered, once each, and for those that have one", () => {
  const models = [
    model("demo"),
    model("openai"),
    model("openai", "own_key_needed"),
    model("anthropic", "platform_key_missing"),
    model("google", "provider_not_configured"),
  ];
  const keys = [{ provider: "mistral" }, { provider: "exa" }] as OwnKey[];
  expect(keyProviders(models, keys).map(({ name }) => name)).toEqual(["OpenAI", "Anthropic", "Mistral"]);
  expect(providerOf("exa").name).toBe("Exa");
});
