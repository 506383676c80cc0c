/** The account cannot pay: an answer, and no failure of the service. */
export class Declined extends Error {}
