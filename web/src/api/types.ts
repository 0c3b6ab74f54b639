import type { components } from "./schema";

type Schemas = components["schemas"];
export type Session = Schemas["Session"];
export type Limits = Schemas["Limits"];
export type Conversation = Schemas["Conversation"];
export type ConversationPage = Schemas["ConversationPage"];
export type ConversationPatch = Schemas["ConversationUpdate"];
export type Settings = Schemas["Settings"];
export type SettingsPatch = Schemas["SettingsUpdate"];
export type Model = Schemas["Model"];
export type Usage = Schemas["Usage"];
export type UsageItem = Schemas["UsageItem"];
export type Allowance = Schemas["Quota"];
export type OwnKey = Schemas["OwnKey"];
export type McpServer = Schemas["MCPServer"];
export type McpServerCreate = Schemas["MCPServerCreate"];
export type McpServerPatch = Schemas["MCPServerUpdate"];
export type McpTest = Schemas["MCPTest"];
