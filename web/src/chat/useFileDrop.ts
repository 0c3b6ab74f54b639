import { type DragEvent, useRef, useState } from "react";

const holdsFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");

/** Lets files be dropped anywhere on an element. over is true while some are held above it. */
export function useFileDrop(onFiles: (files: Iterable<File>) => void) {
  const [over, setOver] = useState(false);
  // Enter and leave also come from every element inside.
  const depth = useRef(0);
  const handlers = {
    onDragEnter: (event: DragEvent) => {
      if (holdsFiles(event)) {
        event.preventDefault();
        depth.current += 1;
        setOver(true);
      }
    },
    onDragOver: (event: DragEvent) => {
      if (holdsFiles(event)) {
        event.preventDefault();
      }
    },
    onDragLeave: (event: DragEvent) => {
      if (holdsFiles(event)) {
        depth.current = Math.max(0, depth.current - 1);
        setOver(depth.current > 0);
      }
    },
    onDrop: (event: DragEvent) => {
      if (holdsFiles(event)) {
        event.preventDefault();
        depth.current = 0;
        setOver(false);
        onFiles(event.dataTransfer.files);
      }
    },
  };
  return { over, handlers };
}
