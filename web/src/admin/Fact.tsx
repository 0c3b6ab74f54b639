interface FactProps {
  name: string;
  value: string;
  note?: string;
}

/** A figure with its name, of a list with the class `facts`. */
export function Fact({ name, value, note }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}
