// What everybody is told in a banner, and how admins write it.
import { queryOptions } from "@tanstack/react-query";
import { ask } from "./admin";

export type Level = "info" | "warning" | "critical";

export interface Announcement {
  id: string;
  level: Level;
  text: string;
  startsAt: string;
  /** Null: until it is ended. */
  endsAt: string | null;
}

/** Those in force. */
export const announcementsQuery = queryOptions({
  queryKey: ["announcements"],
  queryFn: async ({ signal }) =>
    (await ask<{ announcements: Announcement[] }>("get", "/api/announcements", { signal })).announcements,
  refetchInterval: 5 * 60_000,
  refetchOnWindowFocus: "always",
});

/** All there are, of the past and to come too. */
export const allAnnouncementsQuery = queryOptions({
  queryKey: ["admin", "announcements"],
  queryFn: async ({ signal }) =>
    (await ask<{ announcements: Announcement[] }>("get", "/api/admin/announcements", { signal }))
      .announcements,
});

export interface AnnouncementWish {
  level: Level;
  text: string;
  /** Null: now. */
  startsAt: string | null;
  endsAt: string | null;
}

export const announce = (wish: AnnouncementWish) => ask("post", "/api/admin/announcements", { body: wish });

export const changeAnnouncement = (id: string, wish: AnnouncementWish) =>
  ask("put", "/api/admin/announcements/{id}", { path: { id }, body: wish });

export const deleteAnnouncement = (id: string) =>
  ask("delete", "/api/admin/announcements/{id}", { path: { id } });
