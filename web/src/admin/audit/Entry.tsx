import type { AuditEntry } from "~/api/adminAudit";
import { AnchorLink } from "~/shell/links";
import { adminStrings } from "~/strings/admin";
import classes from "../admin.module.css";
import { writeMoment } from "../format";
import { changesOf } from "./changes";

const s = adminStrings.audit;

/** One thing that was done: what, by whom, to what, and how it was before. */
export function Entry({ entry }: { entry: AuditEntry }) {
  const { action, at, actor, actorId, subject, object, target, change, detail, requestId } = entry;
  const changes = changesOf(change);
  return (
    <li className={classes.entry}>
      <div className={classes.entryHead}>
        <strong>{action}</strong>
        {target !== null && <span className={classes.mono}>{target}</span>}
        <time dateTime={at}>{writeMoment(at)}</time>
      </div>
      <div className={classes.entryMeta}>
        <span>
          {s.by} {actorId === null ? actor : <Account id={actorId} />}
        </span>
        {subject !== null && (
          <span>
            {s.about} <Account id={subject} />
          </span>
        )}
        {object !== null && (
          <span>
            {s.into} <Account id={object} />
          </span>
        )}
        {requestId !== null && <span className={classes.mono}>{s.request(requestId)}</span>}
      </div>
      {detail !== "" && <p className={classes.detail}>{detail}</p>}
      {changes.length > 0 && (
        <table className={classes.changes}>
          <thead>
            <tr>
              <th scope="col">{s.column}</th>
              <th scope="col">{s.before}</th>
              <th scope="col">{s.after}</th>
            </tr>
          </thead>
          <tbody>
            {changes.map(({ name, before, after }) => (
              <tr key={name}>
                <th scope="row" className={classes.mono}>
                  {name}
                </th>
                <td>{before === undefined ? <i>{s.nothing}</i> : <del>{before}</del>}</td>
                <td>{after === undefined ? <i>{s.nothing}</i> : <ins>{after}</ins>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </li>
  );
}

function Account({ id }: { id: string }) {
  return (
    <AnchorLink to="/admin/users/$userId" params={{ userId: id }} size="sm" className={classes.mono}>
      {id}
    </AnchorLink>
  );
}
